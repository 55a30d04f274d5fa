"""What the privileged side does for each kind of step; os_vif.host.executor calls the functions in the tables RUN.

Each takes the ledger of the pass and all steps of its kind that stand together, to send them as one batch.
"""
