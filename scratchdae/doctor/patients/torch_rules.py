"""Rules for the calls of a step: who does something else, at an address or at every call of a name."""

from collections.abc import Callable
from typing import Any

from scratchdae.doctor.patients.torch_step import Address, Counting

Rule = Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]


class Rules:
    """Rules by address or by name; a later one of the same place stands around the earlier."""

    def __init__(self) -> None:
        self._rules: dict[Address | str, list[Rule]] = {}

    def add(self, place: Address | str, rule: Rule) -> None:
        """Add a rule, called as ``rule(function, args, kwargs)`` in place of the function."""
        self._rules.setdefault(place, []).append(rule)

    def around(self, address: Address) -> list[Rule]:
        """Return the rules of a call, the innermost first."""
        return self._rules.get(address[0], []) + self._rules.get(address, [])

    def __bool__(self) -> bool:
        return bool(self._rules)


class Rewriter(Counting):
    """Run a step by rules."""

    def __init__(self, *rules: Rules) -> None:
        super().__init__()
        self.rules = rules
        self.paused = False

    def pause(self) -> None:
        """Leave the calls that follow alone."""
        if not self.paused:
            self.paused = True
            super().__exit__(None, None, None)

    def go_on(self) -> None:
        """See the calls again."""
        if self.paused:
            self.paused = False
            super().__enter__()

    def __exit__(self, *error: Any) -> None:
        if not self.paused:  # an optimizer that failed leaves it so
            super().__exit__(*error)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        address = self.address(func)
        for rules in self.rules:
            for rule in rules.around(address):
                func = _within(rule, func)
        return func(*args, **(kwargs or {}))


def _within(rule: Rule, function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: rule(function, args, kwargs)


def replaced(
    args: tuple[Any, ...], kwargs: dict[str, Any], place: int, value: Any
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return arguments with another tensor in the place of one, counted among the tensors."""
    import torch

    seen = 0
    for index, argument in enumerate(args):
        if isinstance(argument, torch.Tensor):
            if seen == place:
                return (*args[:index], value, *args[index + 1 :]), kwargs
            seen += 1
    for name, argument in kwargs.items():
        if isinstance(argument, torch.Tensor):
            if seen == place:
                return args, kwargs | {name: value}
            seen += 1
    raise LookupError(place)
