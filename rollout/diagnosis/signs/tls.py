"""Signs of untrusted certificates and host keys, in any program."""

# ruff: noqa: E501 - texts as they are printed

from __future__ import annotations

from rollout.diagnosis.signs.sign import signs

SIGNS = signs(
    "certificate_untrusted",
    r"unknown_ca\b|(?i:unknown ca)\b|bad_certificate|selfsigned_peer|hostname_check_failed|cert(?:ificate)?_(?:expired|revoked|unknown)|no_cacerts|Bad Certificate|Certificate (?:Expired|Revoked|Unknown)",
    r"self[- ]signed certificate|\b(?:DEPTH_ZERO_)?SELF_SIGNED_CERT|UNABLE_TO_(?:VERIFY|GET_ISSUER)_\w+|CERT_(?:HAS_EXPIRED|NOT_YET_VALID|UNTRUSTED)|ERR_TLS_CERT_ALTNAME_INVALID",
    r"certificate verify failed|CERTIFICATE_VERIFY_FAILED|certificate verification failed|SSL certificate problem|SSL: no alternative certificate|unable to (?:get|find) (?:local )?issuer certificate|unable to verify the first certificate|verify error:num=",
    r"certificate (?:has expired|is not (?:yet valid|trusted)|signed by unknown authority|is expired)|\bx509: |certificate's owner does not match|[Cc]ertificate subject name .* does not match|The certificate of .* is not trusted|cannot verify \S+'s certificate|certificate .*doesn't have a known issuer",
    r"error setting certificate (?:verify locations|file)|error adding trust anchors|[Nn]o (?:system )?CA (?:trust store|certificates?) found|could not load .*cacerts|problem with the SSL CA cert",
    r"Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED|NO_PUBKEY|signatures? couldn't be verified|Release file .* is not valid yet",
)
