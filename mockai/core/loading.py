"""From text, files or plain data to scenarios, and back.

Everything that is wrong is collected and raised as one `ScenarioError`: a line for each mistake,
with file, line and column where there is a text. Whether a scenario can be played (a hold beyond
its end cannot) is asked of files, and of texts where that is wanted: it needs the vocabularies.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from mockai.core.documents import MAX_BYTES, ContentType, read_documents
from mockai.core.errors import ScenarioError
from mockai.core.explaining import ModelT, validated
from mockai.core.mistakes import Loc, Mark, Mistake
from mockai.core.model import Model
from mockai.core.playable import unplayable
from mockai.core.scenario import Scenario
from mockai.core.steps import Step
from mockai.core.steps.choices import ChoicesStep
from mockai.core.yaml_marks import MAX_DEPTH, Document

MAX_TOKENS = 5_000_000
"""That the scenarios of one load may ask for by number, together: all of them are compiled."""
MAX_SHOWN = 50
"""Mistakes that are shown of one load; the rest is counted."""

_SUFFIXES, _SCHEMA = {".yaml", ".yml", ".json"}, ".schema.json"


def parse_scenarios(
    text: str | bytes,
    *,
    source: str,
    content_type: ContentType | None = None,
    name: str | None = None,
    playable: bool = False,
) -> list[Scenario]:
    """Return the scenarios of a text: one mapping, several `---` documents, or a list of mappings.

    `source` stands in front of each mistake. With `name`, the text holds the one scenario of that
    name, which need not say it itself. `playable` ones are compiled too. Raises `ScenarioError`
    with all that is wrong.
    """
    load = _Load(playable=playable)
    load.text(text, source, content_type, name)
    return load.result()


def validate_scenarios(data: Any, *, source: str, name: str | None = None) -> list[Scenario]:
    """Return the scenarios of parsed data: a mapping or a list. Raises `ScenarioError`."""
    load = _Load()
    load.documents([Document(data, dict)], source, name)
    return load.result()


def validate_model(model: type[ModelT], data: Any, *, source: str) -> ModelT:
    """Return a model made of plain data. Raises `ScenarioError` in the words of a scenario's."""
    found = validated(model, data)
    if isinstance(found, list):
        raise _error([(source, mistake) for mistake in found])
    return found


def read_scenarios(paths: Sequence[Path]) -> list[Scenario]:
    """Return the scenarios of files, and of the `*.yaml`, `*.yml` and `*.json` of folders, by name.

    A `*.schema.json` in a folder is left out: it describes scenarios; a link in a folder must stay
    in it. Raises `ScenarioError`, also for one that cannot be played.
    """
    load = _Load(playable=True)
    for path in paths:
        load.path(path)
    return load.result()


def dump_scenario(scenario: Scenario) -> dict[str, Any]:
    """Return what a file would say, defaults left out, durations in seconds; reads back equal."""
    data = _dumped(scenario)
    if scenario.reply is not None:
        data["reply"] = [_dumped_step(step) for step in scenario.reply]
    if scenario.turns is not None:
        data["turns"] = [[_dumped_step(step) for step in steps] for steps in scenario.turns]
    return data


def _dumped(model: Model) -> dict[str, Any]:
    return model.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def _dumped_step(step: Step) -> dict[str, Any]:
    """Return a step with its one key, also where the value of that is the default."""
    if isinstance(step, ChoicesStep):
        return {step.kind: [[_dumped_step(inner) for inner in said] for said in step.choices]}
    return _dumped(step) or step.model_dump(mode="json", by_alias=True)


def scenario_schema() -> dict[str, Any]:
    """Return the JSON Schema of a file: one scenario, or a list of them."""
    several = Annotated[list[Scenario], Field(min_length=1)]
    schema = TypeAdapter[Any](Scenario | several).json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "mockai scenario",
        **schema,
    }


@dataclass(frozen=True, slots=True)
class _Item:
    """What should be a scenario, and where it stands."""

    data: Any
    prefix: Loc
    document: Document
    source: str

    def place(self, mistake: Mistake) -> Mistake:
        """Return the mistake with its full path, marked with the nearest place in the text."""
        loc, marks = self.prefix + mistake.loc, self.document.marks()
        known = (marks[loc[:size]] for size in range(len(loc), -1, -1) if loc[:size] in marks)
        return replace(mistake, loc=loc, mark=next(known, None))


class _Load:
    """Collects the scenarios and the mistakes of one load, from however many texts."""

    def __init__(self, *, playable: bool = False) -> None:
        self._playable = playable
        self._found: dict[str, tuple[Scenario, _Item]] = {}
        self._mistakes: list[tuple[str, Mistake]] = []
        self._tokens = 0

    def result(self) -> list[Scenario]:
        if self._mistakes:
            raise _error(self._mistakes)
        return [scenario for scenario, _ in self._found.values()]

    def path(self, path: Path) -> None:
        try:
            files = _files(path)
            if not files:
                self._say(str(path), [Mistake("no scenario in it: no *.yaml, *.yml or *.json")])
            for file in files:
                self._file(file, path)
        except OSError as error:
            self._say(str(path), [Mistake(f"cannot be read: {error.strerror}")])

    def _file(self, file: Path, given: Path) -> None:
        if given.is_dir() and not file.resolve().is_relative_to(given.resolve()):
            text = f"a link that leads out of its folder (to {file.resolve()})"
            self._say(str(file), [Mistake(text)])
            return
        with file.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
        is_json = file.suffix.lower() == ".json"
        self.text(content, str(file), "json" if is_json else None, None)

    def text(
        self, text: str | bytes, source: str, content_type: ContentType | None, name: str | None
    ) -> None:
        documents, mistakes = read_documents(text, content_type)
        self._say(source, mistakes)
        if documents or not mistakes:
            self.documents(documents, source, name, begins=(1, 1))

    def documents(
        self,
        documents: Iterable[Document],
        source: str,
        name: str | None,
        begins: Mark | None = None,
    ) -> None:
        items = [item for document in documents for item in _items(document, source)]
        if not items:
            self._say(source, [Mistake("no scenario in it", mark=begins)])
        elif name is not None and len(items) > 1:
            self._say(source, [Mistake(f"one scenario '{name}' is asked for (got {len(items)})")])
        else:
            for item in items:
                self._item(item, name)

    def _item(self, item: _Item, name: str | None) -> None:
        data = item.data
        if name is not None and isinstance(data, dict):
            data = {"name": name, **data}
        deep = [Mistake(f"more than {MAX_DEPTH} levels deep")] if _is_deeper(data) else None
        scenario = deep or validated(Scenario, data)
        if isinstance(scenario, list):
            self._say(item.source, map(item.place, scenario))
        elif name is not None and scenario.name != name:
            text = f"must be '{name}', as asked for, or left out (got '{scenario.name}')"
            self._say(item.source, [item.place(Mistake(text, ("name",)))])
        else:
            self._say(item.source, map(item.place, self._unplayable(scenario)))
            self._keep(scenario, item)

    def _unplayable(self, scenario: Scenario) -> list[Mistake]:
        if not self._playable:
            return []
        self._tokens += scenario.asked_tokens
        if self._tokens > MAX_TOKENS:
            return [
                Mistake(f"up to here {self._tokens:,} tokens; {MAX_TOKENS:,} in all is the most")
            ]
        return unplayable(scenario)

    def _keep(self, scenario: Scenario, item: _Item) -> None:
        _, first = self._found.setdefault(scenario.name, (scenario, item))
        if first is not item:
            other = first.place(Mistake("", ("name",))).line(first.source)
            text = f"'{scenario.name}' is the name of another scenario ({other})"
            self._say(item.source, [item.place(Mistake(text, ("name",)))])

    def _say(self, source: str, mistakes: Iterable[Mistake]) -> None:
        self._mistakes += [(source, mistake) for mistake in mistakes]


def _is_deeper(data: Any, left: int = MAX_DEPTH) -> bool:
    """Say whether lists and mappings nest more than so many levels."""
    inner = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return left == 0 or any(_is_deeper(item, left - 1) for item in inner)


def _items(document: Document, source: str) -> list[_Item]:
    data = document.data
    if isinstance(data, list | tuple):
        return [_Item(item, (place,), document, source) for place, item in enumerate(data)]
    return [] if data is None else [_Item(data, (), document, source)]


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = (file for file in path.iterdir() if file.suffix.lower() in _SUFFIXES and file.is_file())
    return sorted(file for file in found if not file.name.endswith(_SCHEMA))


def _error(mistakes: list[tuple[str, Mistake]]) -> ScenarioError:
    """Return the error that names each mistake: source by source, in the order of the text."""
    order = {source: place for place, source in enumerate(dict.fromkeys(s for s, _ in mistakes))}
    mistakes = sorted(mistakes, key=lambda item: (order[item[0]], item[1].mark or (0, 0)))
    lines = [mistake.line(source) for source, mistake in mistakes]
    more = len(lines) - MAX_SHOWN
    return ScenarioError(
        "\n".join(lines[:MAX_SHOWN] + ([f"… and {more} more"] if more > 0 else []))
    )
