"""CodeConnections, as far as an installation asks it: which state a connection is in (botocore: codeconnections/2023-12-01).

Connections are made by stacks. A person confirms one in the console; here that is an update of its ConnectionStatus by
Cloud Control.
"""
import json

from ministack.core.responses import error_response_json, json_response
from ministack.services import cloudcontrol

KIND = "AWS::CodeConnections::Connection"


def _shown(record):
    kept = json.loads(record["Properties"])
    names = ("ConnectionName", "ConnectionArn", "ProviderType", "OwnerAccountId", "ConnectionStatus")
    return {name: kept[name] for name in names if name in kept}


def get_connection(data):
    record = cloudcontrol._resources.get(cloudcontrol._resource_key(KIND, data.get("ConnectionArn", "")))
    if record is None:
        return error_response_json("ResourceNotFoundException", f"Connection {data.get('ConnectionArn')} not found", 400)
    return json_response({"Connection": _shown(record)})


def list_connections(_data):
    records = [record for record in cloudcontrol._resources.values() if record["TypeName"] == KIND]
    return json_response({"Connections": [_shown(record) for record in records]})


CALLS = {"GetConnection": get_connection, "ListConnections": list_connections}


async def handle(_method, _path, headers, body, _query):
    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    if call := CALLS.get(operation):
        return call(json.loads(body or b"{}"))
    return error_response_json("UnknownOperationException", f"the local CodeConnections has no operation {operation}", 400)


def install(app, router):
    """Registers the service."""
    app.SERVICE_HANDLERS["codeconnections"] = handle
    prefixes = ["com.amazonaws.codeconnections.CodeConnections_20231201", "CodeConnections_20231201"]
    router.SERVICE_PATTERNS["codeconnections"] = {"target_prefixes": prefixes}
