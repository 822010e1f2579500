from __future__ import annotations

import json

from pydantic import ValidationError

from mockai.core.errors import ScenarioError
from mockai.core.scenario import Scenario


def validate_model(model, data, *, source):
    try:
        return model.model_validate(data)
    except ValidationError as e:
        raise ScenarioError(
            "\n".join(f"{source}: {'.'.join(map(str, x['loc']))}: {x['msg']}" for x in e.errors())
        )


def parse_scenarios(text, *, source, name=None):
    d = json.loads(text)
    if name:
        d["name"] = name
    return [validate_model(Scenario, d, source=source)]


def read_scenarios(paths):
    return []
