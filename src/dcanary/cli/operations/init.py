"""A `dcanary.yml` for a folder, from what the folder holds."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dcanary.cli.display import quoted_if_needed
from dcanary.cli.errors import UsageTrouble
from dcanary.cli.operations.templates import Load, given_values, load_shipped
from dcanary.cli.operations.whole_files import write_whole
from dcanary.pipeline import FILE_NAME
from dcanary.project import report, template, write
from dcanary.project.detect import detect, repository_around
from dcanary.project.facts import Project
from dcanary.project.plan.choose import NoChoice, Outlook, choose, outlook
from dcanary.project.plan.fit import PAGE, Fit, NotYet, Open
from dcanary.project.plan.hosts import with_hosts
from dcanary.project.plan.summary import not_built, summary

ARGUMENT = ("install_arg", "candid")


@dataclass(frozen=True)
class Draft:
    """A pipeline that is not written yet."""

    fit: Fit
    text: str
    summary: str
    """How many canisters it builds, and why not the others; empty where there is nothing to say."""
    not_built: tuple[tuple[str, Open], ...]


def look(folder: Path) -> Project:
    """What the folder holds. Raises UsageTrouble when it cannot be listed."""
    try:
        return detect(folder)
    except OSError as error:
        raise UsageTrouble(f"{folder} cannot be read: {error.strerror}") from None


def draft(
    folder: Path,
    project: Project,
    name: str | None,
    canister: str | None,
    settings: Sequence[str],
    load: Load = load_shipped,
) -> Draft:
    """The pipeline for a project: by the template `name`, or by the one that fits.

    `load` gives the template `name`; what is chosen by itself is one that comes with DCanary.

    Raises UsageTrouble when there is none, or `settings` (PARAMETER=VALUE) do not suit it.
    """
    seen = outlook(project)
    try:
        if name is None:
            fit = choose(project, seen, canister)
            chosen = template.load(fit.template)
        else:
            # Before anything else: a name that is not right is the better thing to say.
            chosen = load(name)
            fit = _fit(project, seen, chosen, canister)
        given = given_values(chosen, tuple(settings))
        if fit.parts:
            fit = _with_right_parts(folder, fit, given)
        else:
            fit = with_hosts(folder, replace(fit, values={**fit.values, **given}))
            if "install_arg" not in given:
                fit = _with_right_argument(folder, chosen, fit)
        text = write.pipeline_text(chosen, fit, report.lines(project), folder)
        return Draft(fit, text, summary(seen, fit), tuple(not_built(seen, fit)))
    except NoChoice as error:
        reasons = [f"- {one}" for one in write.open_lines(error.reasons)]
        raise UsageTrouble("\n".join([f"{error}{':' if reasons else ''}", *reasons])) from None
    except template.TemplateError as error:
        raise UsageTrouble(str(error)) from None


def _with_right_parts(folder: Path, fit: Fit, given: Mapping[str, str | list[str]]) -> Fit:
    """A pipeline of several canisters with the arguments that can be encoded.

    Raises TemplateError for a parameter that belongs to one of them.
    """
    for name in given:
        if name not in fit.values:
            names = ", ".join(fit.values)
            raise template.TemplateError(
                f"several canisters have no parameter {name} together: use one of {names}, or "
                "choose a canister with --canister NAME"
            )
    values = {**fit.values, **given}
    branch = {"branch": values["branch"]}
    parts, opened = [], list(fit.open)
    for name, part in fit.parts:
        moved = with_hosts(folder, replace(part, values={**part.values, **branch}))
        right = _with_right_argument(folder, template.load(part.template), moved)
        opened += [replace(one, text=f"{name}: {one.text}") for one in right.open]
        parts.append((name, replace(right, open=())))
    return replace(fit, values=values, open=tuple(opened), parts=tuple(parts))


def _with_right_argument(folder: Path, chosen: template.Template, fit: Fit) -> Fit:
    """The fit without a detected argument that cannot be encoded, such as one with `$(…)` in it."""
    if "install_arg" not in fit.values:
        return fit
    try:
        write.pipeline_text(chosen, fit, (), folder)
    except template.TemplateError as error:
        values = {key: one for key, one in fit.values.items() if key not in ARGUMENT}
        without = replace(fit, values=values)
        write.pipeline_text(chosen, without, (), folder)
        text = f"the argument of the project cannot be taken over, () is written: {error}"
        return replace(without, open=(*fit.open, Open(text, None, f"{PAGE}#arguments")))
    return fit


def _fit(project: Project, seen: Outlook, chosen: template.Template, canister: str | None) -> Fit:
    """What to write. A template that is asked for keeps what was detected for it."""
    name = chosen.name
    known = {one.name for one in chosen.parameters}
    plans: list[tuple[str, Fit | NotYet]] = [(one.name, plan) for one, plan in seen.canisters]
    plans += [("", plan) for plan in seen.folder]
    for of, plan in plans:
        if isinstance(plan, Fit) and plan.template == name and canister in (None, of):
            if plan.parts:
                return plan
            builds = (of,) if of else ()
            # People may have taken parameters out of it.
            values = {k: v for k, v in plan.values.items() if k in known}
            return replace(plan, values=values, builds=builds)
    if canister is not None:
        raise NoChoice(f"the canister {canister} does not fit the template {name}")
    return Fit(name, {"branch": project.branch} if "branch" in known else {})


def save(folder: Path, text: str, *, force: bool) -> Path:
    """Write the file into the folder. Raises UsageTrouble when one is there and `force` is not,
    and in a folder within a repository, where no pipeline is read."""
    path = folder / FILE_NAME
    outer = repository_around(folder.resolve())
    if outer is not None:
        raise UsageTrouble(
            f"the repository begins above, in {outer}: a pipeline is read from its root, and its "
            f"commands run there\n  run it there: dcanary init {quoted_if_needed(str(outer))}"
        )
    if not force and os.path.lexists(path):
        raise UsageTrouble(f"{path} is there already: it is kept\n  use --force to replace it")
    try:
        write_whole(path, text, replace=force)
    except FileExistsError:
        raise UsageTrouble(f"{path} is there already: it is kept") from None
    except OSError as error:
        raise UsageTrouble(f"{path} cannot be written: {error.strerror}") from None
    return path
