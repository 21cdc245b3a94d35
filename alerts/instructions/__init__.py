"""Instructions downward (下行): one to any set of levels, areas, roles or people, with receipts."""
