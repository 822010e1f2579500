"""The real API's refusals, word for word: one constructor for each.

Knows statuses, codes and sentences. The sentences are those that developers have published, of
the 2026 models wherever there are newer ones; where nobody has, it is ours and says so. Must not
know which request deserves which refusal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from mockai.core.errors import OpenAIError

# --- the request as a whole


def invalid_json() -> OpenAIError:
    """The body is not JSON."""
    return OpenAIError(
        400,
        "We could not parse the JSON body of your request. (HINT: This likely means you aren't "
        "using your HTTP library correctly. The OpenAI API expects a JSON payload, but what was "
        "sent was not valid JSON. If you have trouble figuring out how to fix this, please contact "
        "us through our help center at help.openai.com.)",
    )


def malformed_http(reason: str) -> OpenAIError:
    """What came is no HTTP/1.1 request; the sentence is ours."""
    return OpenAIError(400, f"This is not an HTTP/1.1 request: {reason}", code="malformed_http")


def body_not_an_object(got: object) -> OpenAIError:
    """The body is JSON, but no object. The sentence is ours."""
    sentence = f"Invalid type for the request body: expected an object, but got {type_name(got)}"
    return OpenAIError(400, f"{sentence} instead.", code="invalid_type")


def body_too_large(limit: int) -> OpenAIError:
    """The body has more than `limit` bytes."""
    return OpenAIError(413, f"Maximum content size limit ({limit}) exceeded", type="server_error")


def invalid_url(method: str, path: str, served: Iterable[str] = ()) -> OpenAIError:
    """Nothing serves this path; the real API's sentence, then what mockai does serve."""
    hint = f" (HINT: mockai serves {', '.join(served)})" if served else ""
    return OpenAIError(404, f"Invalid URL ({method} {path}){hint}")


def method_not_allowed(method: str, path: str, allowed: Iterable[str]) -> OpenAIError:
    """The path serves other methods; the header `allow` lists them."""
    hint = "(HINT: Perhaps you meant to use a different HTTP method?)"
    headers = {"allow": ", ".join(allowed)}
    return OpenAIError(405, f"Not allowed to {method} on {path}. {hint}", headers=headers)


def server_error() -> OpenAIError:
    """The server is at fault."""
    sentence = "The server had an error while processing your request. Sorry about that!"
    return OpenAIError(500, sentence, type="server_error")


# --- who asks, and for what


def missing_api_key() -> OpenAIError:
    """There is no key, in the wording of 2026."""
    sentence = "Missing bearer or basic authentication in header"
    headers = {"www-authenticate": 'Bearer realm="OpenAI API"'}
    return OpenAIError(401, sentence, headers=headers)


def invalid_api_key(key: str) -> OpenAIError:
    """The key is wrong; it is shown with its middle masked."""
    page = "You can find your API key at https://platform.openai.com/account/api-keys."
    sentence = f"Incorrect API key provided: {_masked(key)}. {page}"
    return OpenAIError(401, sentence, code="invalid_api_key")


def model_not_found(model: str) -> OpenAIError:
    """There is no such model; `param` really is null."""
    sentence = f"The model `{model}` does not exist or you do not have access to it."
    return OpenAIError(404, sentence, code="model_not_found")


# --- what only mockai refuses; the sentences are ours


def request_timeout(limit_s: float) -> OpenAIError:
    """The request did not come whole in time."""
    return OpenAIError(408, f"The request did not arrive within {limit_s:g} s.", code="timeout")


def shutting_down() -> OpenAIError:
    """The server stops: what runs may end, nothing new begins."""
    sentence = "The server is shutting down."
    return OpenAIError(503, sentence, type="server_error", code="shutting_down")


def no_scenario(message: str) -> OpenAIError:
    """No scenario answers this request; `message` names the nearest."""
    return OpenAIError(404, message, code="no_scenario_matched")


def too_many_choices(n: int, tokens: int, most: int) -> OpenAIError:
    """The scenario's answer, `n` times, is more than a server should be asked to make."""
    sentence = (
        f"n is {n}, and this scenario answers with {tokens:,} tokens: {n * tokens:,} in all, "
        f"where {most:,} is the most. Ask for fewer choices, or script fewer tokens."
    )
    return OpenAIError(400, sentence, param="n", code="too_many_tokens")


def session_not_found(session: str) -> OpenAIError:
    """The session was never made."""
    sentence = f"There is no session '{session}'. {_how_to_make(session)}"
    return OpenAIError(404, sentence, code="session_not_found")


def session_ended(session: str) -> OpenAIError:
    """The session is over."""
    sentence = f"The session '{session}' has ended. {_how_to_make(session)}"
    return OpenAIError(410, sentence, code="session_ended")


def unknown_session_key(session: str) -> OpenAIError:
    """The key `sk-mockai-SESSION` is that of a session which does not exist."""
    key = f"Incorrect API key provided: sk-mockai-{session}."
    sentence = f"{key} There is no session '{session}'. {_how_to_make(session)}"
    return OpenAIError(401, sentence, code="invalid_api_key")


def _how_to_make(session: str) -> str:
    anyone = "Create one with POST /_mockai/sessions"
    return f"{anyone}, or one of this name with PUT /_mockai/sessions/{session}."


# --- a parameter that should, or should not, be there (400)


def missing_model() -> OpenAIError:
    """There is no model, null or "": chat has a sentence of its own, without a `param`."""
    return _bad("you must provide a model parameter")


def missing_required_parameter(param: str) -> OpenAIError:
    """A member that must be there is not: `messages`, `tools[0].function.name`."""
    return _bad(f"Missing required parameter: '{param}'.", param, "missing_required_parameter")


def unknown_parameter(param: str) -> OpenAIError:
    """A nested object has a member that it should not have: `stream_options.foo`."""
    return _bad(f"Unknown parameter: '{param}'.", param, "unknown_parameter")


def unrecognized_arguments(names: Sequence[str]) -> OpenAIError:
    """The body has members that it should not have; neither `param` nor `code` names them."""
    plural = "s" if len(names) > 1 else ""
    return _bad(f"Unrecognized request argument{plural} supplied: {', '.join(names)}")


def parameter_needs_enabled(param: str, switch: str) -> OpenAIError:
    """`param` belongs to a switch that is off."""
    return _bad(f"The '{param}' parameter is only allowed when '{switch}' is enabled.", param)


stream_options_without_stream = partial(parameter_needs_enabled, "stream_options", "stream")


def parameter_needs_specified(param: str, choices: str) -> OpenAIError:
    """`param` chooses from a list that is not there."""
    sentence = f"'{param}' is only allowed when '{choices}' are specified."
    return _bad(f"Invalid value for '{param}': {sentence}", param)


def conflicting_parameters(param: str, other: str) -> OpenAIError:
    """Two parameters exclude each other."""
    sentence = f"Setting '{param}' and '{other}' at the same time is not supported."
    return _bad(sentence, param, "invalid_parameter_combination")


# --- a value of the wrong type, or none of those that are possible (400)


def invalid_type(param: str, expected: str, got: object) -> OpenAIError:
    """The value `got` is not `expected`: "an integer", "a decimal", "an array of objects"."""
    sentence = f"expected {expected}, but got {type_name(got)} instead."
    return _bad(f"Invalid type for '{param}': {sentence}", param, "invalid_type")


def invalid_value(param: str, got: str, allowed: Sequence[str]) -> OpenAIError:
    """The string `got` is none of `allowed`."""
    supported = f"Supported values are: {enumerated(allowed, 'and')}."
    return _bad(f"Invalid value: '{_shortened(got)}'. {supported}", param, "invalid_value")


def pattern_mismatch(param: str, pattern: str) -> OpenAIError:
    """A name has characters that names do not have."""
    expected = f"Expected a string that matches the pattern '{pattern}'."
    sentence = f"Invalid '{param}': string does not match pattern. {expected}"
    return _bad(sentence, param, "invalid_value")


def null_content(index: int) -> OpenAIError:
    """A message says nothing; the extra dot in `param` is the API's own."""
    sentence = "Invalid value for 'content': expected a string, got null."
    return _bad(sentence, f"messages.[{index}].content")


# --- a value that is too small or too large (400)

_SIZES: dict[str, tuple[str, str, str]] = {  # code: what is wrong, what was expected, what came
    "integer_below_min_value": ("integer below minimum value", "a value >= {limit}", "{got}"),
    "integer_above_max_value": ("integer above maximum value", "a value <= {limit}", "{got}"),
    "decimal_below_min_value": ("decimal below minimum value", "a value >= {limit}", "{got}"),
    "decimal_above_max_value": ("decimal above maximum value", "a value <= {limit}", "{got}"),
    "empty_array": ("empty array", "an array with minimum length {limit}", "an empty array"),
    "empty_string": ("empty string", "a string with minimum length {limit}", "an empty string"),
    "array_above_max_length": (
        "array too long",
        "an array with maximum length {limit}",
        "an array with length {got}",
    ),
    "string_above_max_length": (
        "string too long",
        "a string with maximum length {limit}",
        "a string with length {got}",
    ),
    "object_above_max_properties": (
        "too many properties",
        "an object with at most {limit} properties",
        "an object with {got} properties",
    ),
}


def _wrong_size(code: str, param: str, limit: float, got: float) -> OpenAIError:
    """`got` is the number itself, or the length of what has one."""
    wrong, expected, came = (part.format(limit=limit, got=got) for part in _SIZES[code])
    sentence = f"Invalid '{param}': {wrong}. Expected {expected}, but got {came} instead."
    return _bad(sentence, param, code)


integer_below_min_value = partial(_wrong_size, "integer_below_min_value")
integer_above_max_value = partial(_wrong_size, "integer_above_max_value")
decimal_below_min_value = partial(_wrong_size, "decimal_below_min_value")
decimal_above_max_value = partial(_wrong_size, "decimal_above_max_value")
empty_array = partial(_wrong_size, "empty_array", limit=1, got=0)
empty_string = partial(_wrong_size, "empty_string", limit=1, got=0)
array_above_max_length = partial(_wrong_size, "array_above_max_length")
string_above_max_length = partial(_wrong_size, "string_above_max_length")
object_above_max_properties = partial(_wrong_size, "object_above_max_properties")


def property_name_above_max_length(param: str, limit: int, name: str) -> OpenAIError:
    """A member's name is too long; only `param` shows all of it."""
    expected = f"Expected a string with maximum length {limit}"
    sentence = f"'{_shortened(name)}' is too long. {expected}, but got a string with length"
    return _bad(
        f"Invalid property name in '{param}': {sentence} {len(name)} instead.",
        f"{param}.{name}",
        "property_name_above_max_length",
    )


# --- the API's grammar

_TYPE_NAMES: dict[type, str] = {
    bool: "a boolean",
    int: "an integer",
    float: "a decimal number",
    str: "a string",
    list: "an array",
    dict: "an object",
}


def type_name(value: object) -> str:
    """Say what the API calls a JSON value: "a boolean", "a decimal number", "null"."""
    return _TYPE_NAMES.get(type(value), "null")


def enumerated(values: Sequence[str], word: str) -> str:
    """Quote and enumerate `values` as the API does: 'a', 'b', and 'c'; 'a' and 'b'."""
    *others, last = [f"'{value}'" for value in values]
    if not others:
        return last
    comma = "," if len(others) > 1 else ""
    return f"{', '.join(others)}{comma} {word} {last}"


def _bad(message: str, param: str | None = None, code: str | None = None) -> OpenAIError:
    return OpenAIError(400, message, param=param, code=code)


def _masked(key: str) -> str:
    """Keep the first 8 and the last 4 characters, as published 401s do ("your_key*here")."""
    return key if len(key) <= 12 else f"{key[:8]}{'*' * (len(key) - 12)}{key[-4:]}"  # noqa: PLR2004


def _shortened(text: str) -> str:
    """Keep 3 characters at each end, as the API does with long values.

    A value of 28 characters was seen shortened and one of 18 whole; the line between is a guess.
    """
    return text if len(text) <= 24 else f"{text[:3]}...{text[-3:]}"  # noqa: PLR2004
