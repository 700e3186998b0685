"""Pressure stall information (Documentation/accounting/psi.rst)."""


def parse_pressure(text):
    """The Pressure fact of a file of /proc/pressure: ``some_avg10`` and the like, percent of time.

    Kernels before 5.13 have no ``full`` line for the CPU, and above them it is always zero there.
    """
    fact = {}
    for line in text.split("\n"):
        words = line.split()
        for word in words[1:4]:
            name, _, value = word.partition("=")
            fact[words[0] + "_" + name] = float(value)
    return fact
