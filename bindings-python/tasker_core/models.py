"""From the dictionaries of JSON to the types of a handler: Pydantic models, dataclasses, or any class with keywords."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any, Union, get_args, get_origin

from .errors import PermanentError


def build(model: Any, value: Any, what: str, code: str) -> Any:
    """``value`` as an instance of ``model``; a permanent failure with ``code`` if it cannot be one. None stays None."""
    if value is None or model is Any or model is None:
        return value
    try:
        return _convert(model, value)
    except PermanentError:
        raise
    except Exception as error:
        name = getattr(model, "__name__", str(model))
        raise PermanentError(f"{what} is no {name}: {error}", error_code=code, context={"value_of": what}) from error


def _convert(model: Any, value: Any) -> Any:
    validate = getattr(model, "model_validate", None)
    if validate is not None:
        return validate(value)
    if dataclasses.is_dataclass(model):
        return _dataclass(model, value)
    origin = get_origin(model)
    if origin in (list, tuple, set, frozenset):
        inner = get_args(model)[0] if get_args(model) else Any
        return origin(_convert(inner, item) for item in value)
    if origin is dict:
        inner = get_args(model)[1] if get_args(model) else Any
        return {key: _convert(inner, item) for key, item in value.items()}
    if origin is Union or type(model).__name__ == "UnionType":
        options = [option for option in get_args(model) if option is not type(None)]
        return value if value is None or len(options) != 1 else _convert(options[0], value)
    if isinstance(model, type) and isinstance(value, dict) and not issubclass(model, dict) and model is not object:
        return model(**value)
    if model is float and type(value) is int:
        return float(value)
    if model in (str, int, float, bool, dict, list) and type(value) is not model:
        raise TypeError(f"{type(value).__name__} instead of {model.__name__}")
    return value


def _dataclass(model: Any, value: Any) -> Any:
    if not isinstance(value, dict):
        raise TypeError(f"{type(value).__name__} instead of an object")
    hints = typing.get_type_hints(model)
    # What the class does not know is left out: upstream steps may add fields.
    known = {field.name for field in dataclasses.fields(model) if field.init}
    return model(**{name: _convert(hints.get(name, Any), item) for name, item in value.items() if name in known})
