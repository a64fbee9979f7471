"""Words of the template family: pipelines with parameters."""

from kybra import Opt, Principal, Record, Variant, Vec, nat32, nat64, null, text

from shared.types.errors import Error


class ParameterKind(Variant, total=False):
    """What a parameter stands for: one text, or a list of them."""

    Text: null
    List: null


class TemplateParameter(Record):
    """One parameter. Without `default` it must be given; a default of kind Text has one element.

    `pattern` is what each value must match, see `shared.rules.value_patterns`.
    """

    name: text
    kind: ParameterKind
    default: Opt[Vec[text]]
    pattern: Opt[text]
    about: text


class TemplateInput(Record):
    """A template as its author sends it. `text` is a dcanary.yml with `{{placeholders}}`.

    `shipped` is the version of DCanary that it came with; absent: people wrote or changed it.
    """

    name: text
    category: text
    description: text
    parameters: Vec[TemplateParameter]
    text: text
    shipped: Opt[text]


class Template(Record):
    """One immutable version of a template."""

    version: nat32
    created_ns: nat64
    author: Principal
    definition: TemplateInput


class TemplateResult(Variant, total=False):
    Ok: Template
    Err: Error


class TemplatePage(Record):
    items: Vec[Template]
    next: Opt[text]


class TemplatePageResult(Variant, total=False):
    Ok: TemplatePage
    Err: Error
