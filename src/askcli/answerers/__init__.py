"""Where answers come from: one small protocol, and what implements it."""
