"""A command's parameters as typer reads them: the fields of its groups, one by one.

A parameter whose type is a named tuple stands for that tuple's fields, and one that is an ``Out`` for the options
that say how to print. Any other is an option itself: its declaration stands beside its type or, for most, under its
name in the table of ``options``. Beside a group stand the declarations of fields that are declared otherwise there.
"""

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from operator import itemgetter
from typing import Annotated, Any, get_args, get_origin

from exosms.cli.options import GROUP_OF, OPTIONS, Printing, Repeated
from exosms.cli.output.out import Out

Values = Mapping[str, Any]
"""What typer read, by the names of the options."""

_PRINTING = inspect.signature(Printing).parameters


def unfolded(
    taker: Callable[..., Any], declarations: Mapping[str, Any] = OPTIONS
) -> tuple[list[inspect.Parameter], Callable[[Values], Any]]:
    """Return the options of a command, or of a group, and what calls it with their values."""
    options: list[inspect.Parameter] = []
    arguments: dict[str, Callable[[Values], Any]] = {}
    for name, parameter in inspect.signature(taker).parameters.items():
        kind, *beside = _parts(parameter.annotation)
        arguments[name] = itemgetter(name)
        if kind is Out:
            options += [_option(_PRINTING[option], _grouped(option, OPTIONS)) for option in beside]
        elif isinstance(kind, type) and issubclass(kind, tuple):
            fields, arguments[name] = unfolded(kind, {**declarations, **(beside[0] if beside else {})})
            options += fields
        else:
            declaration = beside[0] if beside else _grouped(name.strip("_"), declarations)
            options.append(_option(parameter.replace(annotation=kind), declaration))
            if isinstance(declaration, Repeated):
                arguments[name] = partial(_read_all, name, declaration.read)
    return options, lambda values: taker(**{name: argument(values) for name, argument in arguments.items()})


def _parts(annotation: Any) -> tuple[Any, ...]:
    """Return a type and what stands beside it."""
    return get_args(annotation) if get_origin(annotation) is Annotated else (annotation,)


def _grouped(name: str, declarations: Mapping[str, Any]) -> Any:
    """Return the declaration of that name; one that is declared otherwise stands below the same heading."""
    declaration = declarations[name]
    info = declaration.declaration if isinstance(declaration, Repeated) else declaration
    info.rich_help_panel = info.rich_help_panel or GROUP_OF.get(name)
    return declaration


def _option(parameter: inspect.Parameter, declaration: Any) -> inspect.Parameter:
    kind, default = parameter.annotation, parameter.default
    if isinstance(declaration, Repeated):
        kind, declaration = list[str], declaration.declaration
        default = default if default is parameter.empty else None
    declaration.readable = False  # whoever reads the file says what is wrong with it, and it is no wrong usage
    return inspect.Parameter(
        parameter.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, declaration]
    )


def _read_all(name: str, read: Callable[[list[str]], Any], values: Values) -> Any:
    return read(values[name] or [])
