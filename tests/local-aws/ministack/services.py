"""ECS services as AWS has them, where ministack 1.5.33 simplifies.

Without containers ministack calls a task running, and a deployment complete, the moment they are asked for. Here a task is
pending until whoever runs it says otherwise by SubmitTaskStateChange, the call of the ECS container agent; ministack's own
scheduler then completes the deployment and stops the tasks of the old one. No container is ever started, also where there
is a Docker. Added are service revisions (botocore: ecs/2014-11-13, ServiceRevision).
"""
import hashlib
import json

from ministack.core.responses import json_response
from ministack.services import ecs

import service_stacks

_make_deployment, _run_task, _describe_services = ecs._make_deployment, ecs._run_task, ecs._describe_services


def make_deployment(task_definition, desired_count, status="PRIMARY"):
    deployment = _make_deployment(task_definition, desired_count, status)
    deployment["rolloutState"], deployment["rolloutStateReason"] = "IN_PROGRESS", f"ECS deployment {deployment['id']} in progress."
    return deployment


def run_task(data):
    before = set(ecs._tasks.keys())
    answer = _run_task(data)
    for arn, task in ecs._tasks.items():
        if arn not in before:
            task.update(lastStatus="PENDING", startedAt=None, _startup_stable=False)
            for container in task["containers"]:
                container["lastStatus"] = "PENDING"
            if missing := service_stacks.missing_images(task):
                service_stacks.fail_later(task, missing)
    return answer


def submit_task_state_change(data):
    cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
    task = ecs._resolve_task(data.get("task", ""), cluster)
    if task and data.get("status") == "RUNNING":
        ecs._mark_task_running(task["taskArn"], task)
        task["_startup_stable"] = True
        for container in task["containers"]:
            container["lastStatus"] = "RUNNING"
        service = f"{cluster}/{task['group'].partition(':')[2]}"
        # Room for the tasks that a deployment holds back until some of its own are running; completes it with the last.
        ecs._reconcile_service_tasks(cluster, service)
    return json_response({"acknowledgment": "ACCEPT"})


def describe_services(data):
    answer = _describe_services(data)
    if answer[0] != 200:
        return answer
    shown = json.loads(answer[2])
    for service in shown["services"]:
        service["currentServiceRevisions"] = [
            {"arn": _revision(service, deployment), "requestedTaskCount": deployment["desiredCount"],
             "runningTaskCount": deployment["runningCount"], "pendingTaskCount": deployment["pendingCount"]}
            for deployment in service["deployments"] if deployment["runningCount"] + deployment["pendingCount"]
        ]
    return json_response(shown)


def describe_service_revisions(data):
    wanted, found = data.get("serviceRevisionArns", []), []
    for service in ecs._services.values():
        for deployment in service["deployments"]:
            if (arn := _revision(service, deployment)) in wanted:
                found.append(_described(arn, service, deployment))
    missing = set(wanted) - {revision["serviceRevisionArn"] for revision in found}
    return json_response({"serviceRevisions": found,
                          "failures": [{"arn": arn, "reason": "MISSING"} for arn in wanted if arn in missing]})


def _described(arn, service, deployment):
    definition = ecs._task_defs[ecs._resolve_td_key(deployment["taskDefinition"])]
    images = [{"containerName": c["name"], "image": c["image"], "imageDigest": _digest(c["image"])}
              for c in definition["containerDefinitions"]]
    return {"serviceRevisionArn": arn, "serviceArn": service["serviceArn"], "clusterArn": service["clusterArn"],
            "taskDefinition": deployment["taskDefinition"], "createdAt": ecs._ts_to_epoch(deployment["createdAt"]),
            "loadBalancers": service["loadBalancers"], "containerImages": images}


def _revision(service, deployment):
    """AWS numbers revisions; a deployment's own id tells them apart as well, and is known from the service alone."""
    number = int(hashlib.sha256(deployment["id"].encode()).hexdigest()[:15], 16)
    return f"{service['serviceArn'].replace(':service/', ':service-revision/')}/{number}"


def _digest(image):
    """There is no registry to ask: the same image has the same digest, another one another."""
    return image.partition("@")[2] or "sha256:" + hashlib.sha256(image.encode()).hexdigest()


def install():
    """Replaces ministack's own parts by those of this file."""
    ecs._get_docker = lambda: None
    ecs._make_deployment, ecs._run_task = make_deployment, run_task
    ecs._ACTION_MAP.update({
        "RunTask": run_task, "SubmitTaskStateChange": submit_task_state_change,
        "DescribeServices": describe_services, "DescribeServiceRevisions": describe_service_revisions,
    })
