"""Task definitions and images as AWS keeps them, where ministack 1.5.33 drops what it does not know and takes what AWS refuses.

Whatever a definition holds is kept as it came, unknown fields too (botocore: ecs/2014-11-13, RegisterTaskDefinition).
"""
import copy
import json

from ministack.core.responses import error_response_json, json_response
from ministack.services import ecr, ecs

# What DescribeTaskDefinition adds.
ADDED = ("compatibilities", "deleteRequestedAt", "deregisteredAt", "registeredAt", "registeredBy", "requiresAttributes", "revision",
         "status", "taskDefinitionArn")
LARGEST = 64 * 1024
_register = ecs._register_task_definition
_describe = ecs._describe_task_definition


def register(data):
    asked = copy.deepcopy(data)
    if refusal := _refused(data):
        return error_response_json(*refusal, 400)
    answer = _register(data)
    if answer[0] != 200:
        return answer
    arn = json.loads(answer[2])["taskDefinition"]["taskDefinitionArn"]
    stored = ecs._task_defs[ecs._resolve_td_key(arn)]
    # Nothing that was not asked for, but for what AWS fills in itself; everything that was.
    for field in ("executionRoleArn", "taskRoleArn", "pidMode", "ipcMode", "proxyConfiguration", "runtimePlatform", "ephemeralStorage"):
        if field not in asked:
            stored.pop(field, None)
    tags = asked.pop("tags", [])
    stored.update(asked)
    for container in stored["containerDefinitions"]:
        for field, value in (("cpu", 0), ("essential", True), ("environment", []), ("mountPoints", []), ("volumesFrom", []),
                             ("portMappings", []), ("systemControls", [])):
            container.setdefault(field, value)
    stored["requiresAttributes"] = [{"name": "com.amazonaws.ecs.capability.docker-remote-api.1.18"}]
    return json_response({"taskDefinition": ecs._sanitize(stored), "tags": tags})


def _refused(data):
    for field in ADDED:
        if field in data:
            return "InvalidParameterException", f"Unknown parameter in input: \"{field}\""
    if path := _null(data):
        return "SerializationException", f"A value at {path} is null"
    if len(json.dumps(data, separators=(",", ":"))) > LARGEST:
        return "ClientException", "Task definition exceeds 64 KiB"
    containers = data.get("containerDefinitions", [])
    if len(containers) > 10:
        return "ClientException", "Task definition has too many containers: at most 10"
    for tag in data.get("tags", []):
        if tag["key"].lower().startswith("aws:"):
            return "InvalidParameterException", "Tag keys may not begin with aws:"
    return None


def _null(value, path=""):
    if value is None:
        return path or "the top"
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return next((found for key, item in inner if (found := _null(item, f"{path}/{key}"))), None)


def describe(data):
    """By family: the latest ACTIVE revision. Tags only where they are asked for."""
    wanted = data.get("taskDefinition", "")
    if ":" not in wanted:
        active = [t for t in ecs._task_defs.values() if t["family"] == wanted and t["status"] == "ACTIVE"]
        if not active:
            return error_response_json("ClientException", "Unable to describe task definition.", 400)
        data = data | {"taskDefinition": max(active, key=lambda t: t["revision"])["taskDefinitionArn"]}
    answer = _describe(data)
    if answer[0] != 200:
        return error_response_json("ClientException", "Unable to describe task definition.", 400)
    shown = json.loads(answer[2])
    if "TAGS" not in data.get("include", []):
        shown.pop("tags", None)
    shown["taskDefinition"] = ecs._sanitize(shown["taskDefinition"])
    return json_response(shown)


def list_definitions(data):
    """The prefix of a family is its whole name (ECS API reference, ListTaskDefinitions)."""
    family, status = data.get("familyPrefix"), data.get("status", "ACTIVE")
    found = [t for t in ecs._task_defs.values() if family in (None, "", t["family"]) and t["status"] == status]
    found.sort(key=lambda t: (t["family"], t["revision"]), reverse=data.get("sort") == "DESC")
    return json_response({"taskDefinitionArns": [t["taskDefinitionArn"] for t in found]})


def describe_images(data):
    """An image that is asked for by name and is not there is an error (ECR API reference, DescribeImages)."""
    name, wanted = data.get("repositoryName", ""), data.get("imageIds", [])
    if name in ecr._repositories:
        for image in wanted:
            if not ecr._find_image(name, image):
                return error_response_json("ImageNotFoundException", f"The image with imageId {image} does not exist within the "
                                           f"repository with name '{name}'", 400)
    return _describe_images(data)


_describe_images = ecr._describe_images


def install():
    """Replaces ministack's own parts by those of this file."""
    ecs._ACTION_MAP.update({"RegisterTaskDefinition": register, "DescribeTaskDefinition": describe,
                            "ListTaskDefinitions": list_definitions})
    ecr._describe_images = describe_images
