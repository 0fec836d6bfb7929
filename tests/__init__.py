import sys

# A test process keeps what it compiles beside the sources, whatever PYTHONDONTWRITEBYTECODE says,
# as the commands that it starts do: the others would compile all of it again.
sys.dont_write_bytecode = False
