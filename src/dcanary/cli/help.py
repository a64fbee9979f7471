"""What `dcanary --help` prints, kept: a test holds it to what the commands give.

`python -m dcanary.cli.help` writes it anew.
"""

HELP = """\
Usage: dcanary [OPTIONS] COMMAND [ARGS]...

  CI/CD that lives on the Internet Computer.

Options:
  --version         Show the version and exit.
  --home DIRECTORY  Folder of this installation (default: $DCANARY_HOME or
                    ./.dcanary).
  --identity TEXT   Name or PEM file of the identity that signs, or 'anonymous'.
                    [default: default]
  --json            Print JSON.
  -q, --quiet       Print ids only.
  -h, --help        Show this message and exit.

Nouns:
  access           who may do what
  approval         may agreed bytes go to a target: requests and votes
  artifact         the agreed files of runs
  build            compile a Kybra-API canister to an IC module
  canister         call any canister
  completion       complete commands and options in bash, zsh or fish
  delivery         webhook requests and what became of them
  demo             the main job from an empty folder to a deployed canister
  deploy-pipeline  send the draft of a pipeline as one version
  executor         programs that build
  fetch            bring the dependencies that lock files pin
  forge            a local Git forge to try things with
  identity         keys that sign calls
  image            the file systems in which stages run
  init             write a dcanary.yml from what a folder holds
  network          the embedded Internet Computer
  pipeline         what a repository builds, when, and where it goes
  queue            what waits for executors, and what is at work
  release          deployments and their rollback
  report           what forges are told of runs, and how far they were told
  reporter         programs that post reports to forges
  repository       Git repositories whose pushes are listened to
  run              executions of pipelines
  secret           values that only executors can read, for the stages that list
                   them
  system           the five canisters of an installation
  target           canisters that pipelines deploy to
  template         pipelines with parameters, from which init writes
  usage            what jobs used, by repository or operator
"""


def rendered() -> str:
    """The help as the commands give it, for 80 columns."""
    import click

    from dcanary.cli.app import cli

    context = click.Context(
        cli,
        info_name="dcanary",
        terminal_width=80,
        max_content_width=80,
        **cli.context_settings,
    )
    return cli.get_help(context) + "\n"


if __name__ == "__main__":
    from pathlib import Path

    source = Path(__file__)
    before, _, rest = source.read_text(encoding="utf-8").partition("\nHELP = ")
    after = rest[rest.index("\n\n\ndef ") :]
    source.write_text(f'{before}\nHELP = """\\\n{rendered()}"""{after}', encoding="utf-8")
