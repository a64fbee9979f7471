"""What all mappings of a `dcanary.yml` have in common."""

from pydantic import BaseModel, ConfigDict


class StrictModel(BaseModel):
    """Refuses unknown keys and values of other types; does not change."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=True)
