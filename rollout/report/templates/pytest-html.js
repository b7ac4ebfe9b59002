// Adds language, viewport and keyboard support to pytest-html's page, and moves the panel above the environment.
(() => {
  const page = document.documentElement;
  page.lang = "en";
  if (!document.querySelector("meta[name=viewport]")) {
    const meta = document.createElement("meta");
    meta.name = "viewport";
    meta.content = "width=device-width, initial-scale=1";
    document.head.append(meta);
  }
  const title = document.getElementById("title");
  title.after(document.getElementById("rollout"));
  document.addEventListener("DOMContentLoaded", () => {
    const footer = document.querySelector("footer");
    for (const id of ["environment-header", "environment"]) footer.before(document.getElementById(id));
    document.querySelectorAll("#environment ul > ul:empty").forEach((stray) => stray.remove());
    const main = document.createElement("main");
    main.append(...[...document.body.childNodes].filter((node) => node !== footer));
    document.body.prepend(main);
    const reachable = () => document.querySelectorAll(".logwrapper:not([tabindex])").forEach((log) => {
      Object.assign(log, { tabIndex: 0, role: "region", ariaLabel: "Details" });
      const more = log.querySelector(".logexpander");
      Object.assign(more, { tabIndex: 0, role: "button", ariaLabel: "Expand or collapse" });
    });
    new MutationObserver(reachable).observe(main, { childList: true, subtree: true });
    reachable();
    const heading = document.querySelector(".summary__data > h2");
    if (heading) heading.textContent = "Checks";
    document.querySelectorAll("input.filter").forEach((box) => {
      box.setAttribute("aria-label", "Show " + box.dataset.testResult);
    });
  });
  document.addEventListener("keydown", (event) => {
    const target = event.target;
    if ((event.key === "Enter" || event.key === " ") && target.matches("td[tabindex], th.sortable[tabindex], .logexpander")) {
      event.preventDefault();
      const again = target.matches("td") ? target.parentElement.dataset.id : null;
      target.click();
      if (again) document.querySelector(`tr[data-id="${again}"] td[tabindex]`)?.focus();
    }
  });
})();
