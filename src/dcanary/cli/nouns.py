"""The nouns of `dcanary`, each a module of its name, and what they are about."""

NOUNS = {
    "access": "who may do what",
    "approval": "may agreed bytes go to a target: requests and votes",
    "build": "compile a Kybra-API canister to an IC module",
    "canister": "call any canister",
    "delivery": "webhook requests and what became of them",
    "demo": "the main job from an empty folder to a deployed canister",
    "executor": "programs that build",
    "fetch": "bring the dependencies that lock files pin",
    "forge": "a local Git forge to try things with",
    "identity": "keys that sign calls",
    "image": "the file systems in which stages run",
    "init": "write a dcanary.yml from what a folder holds",
    "network": "the embedded Internet Computer",
    "pipeline": "what a repository builds, when, and where it goes",
    "release": "deployments and their rollback",
    "repository": "Git repositories whose pushes are listened to",
    "run": "executions of pipelines",
    "system": "the five canisters of an installation",
    "target": "canisters that pipelines deploy to",
    "template": "pipelines with parameters, from which init writes",
}
