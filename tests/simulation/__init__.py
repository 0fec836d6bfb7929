"""Simulated nights: the real code in one process, on virtual time, with faults from a seed."""
