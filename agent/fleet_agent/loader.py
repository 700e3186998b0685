"""Import modules from texts; stands at the head of the program that goes to a host."""

import sys


class Loader(object):
    """An importer (PEP 451) over {module name: source}; each source is compiled when it is first imported."""

    def __init__(self, sources, packages):
        self.sources = sources
        self.packages = packages

    def find_spec(self, name, _path=None, _target=None):
        """Return the spec of a module that is among the sources, else None."""
        if name not in self.sources:
            return None
        return type(sys.__spec__)(name, self, origin=name, is_package=name in self.packages)

    def create_module(self, _spec):
        """Leave it to the import system to make the module (None)."""

    def exec_module(self, module):
        """Compile and run a module's source."""
        name = module.__name__
        exec(compile(self.sources[name], name.replace(".", "/") + ".py", "exec", 0, True), module.__dict__)
