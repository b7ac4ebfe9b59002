"""The installed command `xavos-rollout`, and the pytest option `--rollout`.

The wheel has the suite as data, in `_suite/`: the folders of the checkout as they are. So one name is new in the
user's environment, `xavos_rollout`, and a package of theirs may be called fixtures, suite or rollout. Only a process
that runs the suite has `_suite/` on its path.
"""
