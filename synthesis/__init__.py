"""Make a talking-head corpus in LRS2's layout, from a 3-D head and a speech synthesiser."""
