"""Deployments of ECS services as AWS rolls them, where ministack 1.5.33 simplifies (botocore: ecs/2014-11-13).

The scheduler here starts tasks and asks tasks to stop; whoever runs them tells by SubmitTaskStateChange, the call of the ECS
container agent, how far they are: RUNNING once its processes run, HEALTHY (a word of our own) once its targets pass, STOPPED with
the exit codes of its processes, UNHEALTHY (ours too) where a target fails its checks, and INTERRUPTED (ours) where Spot takes its
capacity back. Every state follows from those.

    service deployment   PENDING → IN_PROGRESS → SUCCESSFUL
                         IN_PROGRESS → ROLLBACK_REQUESTED (breaker) or STOP_REQUESTED (a person) → ROLLBACK_IN_PROGRESS
                         → ROLLBACK_SUCCESSFUL, or ROLLBACK_FAILED where nothing was ever successful
                         IN_PROGRESS → STOPPED where another deployment replaces it, or the breaker has no rollback
"""
import hashlib
import json
import math
import random
import string
import threading
import time

from ministack.core.responses import error_response_json, get_account_id, get_region, json_response, new_uuid
from ministack.services import ecr, ecs

LOCK = threading.RLock()
ENDED = ("SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED")
GOING_BACK = ("STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS")
# The original parts, which still do what is not about deployments.
_create_service, _update_service, _describe_services = ecs._create_service, ecs._update_service, ecs._describe_services
_run_task, _stop_task, _delete_service = ecs._run_task, ecs._stop_task, ecs._delete_service


def _now():
    return round(time.time(), 3)


def make_deployment(task_definition, desired_count, status="PRIMARY"):
    number = random.randrange(10**18, 10**19)
    now = ecs._iso()
    return {"id": f"ecs-svc/{number}", "status": status, "taskDefinition": task_definition, "desiredCount": desired_count,
            "pendingCount": 0, "runningCount": 0, "failedTasks": 0, "createdAt": now, "updatedAt": now, "launchType": "EC2",
            "rolloutState": "IN_PROGRESS", "rolloutStateReason": f"ECS deployment ecs-svc/{number} in progress."}


def event(service, text):
    service["events"].insert(0, {"id": new_uuid(), "createdAt": _now(), "message": f"(service {service['serviceName']}) {text}"})
    del service["events"][100:]


# What a deployment is for: its service revision, and the record that tells how it went.

def _begin(service, deployment, source):
    """A new revision of the service, and a service deployment of it."""
    number = deployment["id"].rpartition("/")[2]
    arn = f"{service['serviceArn'].replace(':service/', ':service-revision/')}/{number}"
    key = ecs._resolve_td_key(deployment["taskDefinition"])
    definition = ecs._task_defs.get(key, {"containerDefinitions": []})
    images = [{"containerName": c["name"], "image": c["image"], "imageDigest": digest(c["image"])}
              for c in definition["containerDefinitions"]]
    revision = {"serviceRevisionArn": arn, "serviceArn": service["serviceArn"], "clusterArn": service["clusterArn"],
                "taskDefinition": deployment["taskDefinition"], "createdAt": _now(), "loadBalancers": service["loadBalancers"],
                "containerImages": [{k: v for k, v in image.items() if v} for image in images]}
    service.setdefault("_revisions", {})[arn] = revision
    deployment["_revision"] = arn
    word = "".join(random.choices(string.ascii_letters + string.digits, k=20))
    record = {"serviceDeploymentArn": f"{service['serviceArn'].replace(':service/', ':service-deployment/')}/{word}",
              "serviceArn": service["serviceArn"], "clusterArn": service["clusterArn"], "createdAt": _now(), "updatedAt": _now(),
              "startedAt": _now(), "status": "IN_PROGRESS", "_deployment": deployment["id"], "_target": arn, "_sources": source,
              "_failures": 0}
    service.setdefault("_records", []).insert(0, record)
    return record


def _record(service):
    return next(iter(service.get("_records", [])), None)


def _end(record, status, reason=None):
    record.update(status=status, finishedAt=_now(), updatedAt=_now())
    if reason:
        record["statusReason"] = reason


def digest(image):
    """The digest that a registry has for an image now: the local ECR's; elsewhere, the same name always has the same one."""
    name, _, pinned = image.partition("@")
    registry, _, path = name.partition("/")
    if registry != f"{get_account_id()}.dkr.ecr.{get_region()}.amazonaws.com":
        return pinned or "sha256:" + hashlib.sha256(image.encode()).hexdigest()
    repository, _, tag = path.partition(":")
    wanted = {"imageDigest": pinned} if pinned else {"imageTag": tag or "latest"}
    found = ecr._find_image(repository, wanted) if repository in ecr._repositories else None
    return found and found["imageDigest"]


# The scheduler.

def _tasks(service, deployment=None):
    """The service's tasks that are to run, of one deployment where it is named; the newest first."""
    group = f"service:{service['serviceName']}"
    tasks = [t for t in ecs._tasks.values() if t["group"] == group and t["clusterArn"] == service["clusterArn"]
             and t["desiredStatus"] == "RUNNING" and (deployment is None or t["_deployment_id"] == deployment["id"])]
    return tasks[::-1]


def _stop(task, code, reason):
    """Asks for an end: the container agent stops the processes, and tells when they have ended."""
    now = ecs._iso()
    ecs._bump_task_version(task)
    task.update(desiredStatus="STOPPED", stopCode=code, stoppedReason=reason, stoppingAt=now,
                lastStatus="DEACTIVATING" if task["lastStatus"] == "RUNNING" else task["lastStatus"])


def reconcile(cluster, key):
    """Starts and stops tasks until the service has what its PRIMARY deployment asks for."""
    with LOCK:
        service = ecs._services.get(key)
        if not service or service["status"] != "ACTIVE":
            return
        primary = ecs._primary_deployment(service)
        if primary and "_revision" in primary:
            primary["desiredCount"] = service["desiredCount"]
            _schedule(cluster, service, primary)
            _complete(service, primary)
        _count(service)
        ecs._recount_cluster(cluster)


def _schedule(cluster, service, primary):
    if primary["rolloutState"] == "FAILED":
        return
    desired = service["desiredCount"]
    new, everything = _tasks(service, primary), _tasks(service)
    old = [task for task in everything if task not in new]
    given = service.get("deploymentConfiguration") or {}
    most = max(desired * int(given.get("maximumPercent", 200)) // 100, 1 if desired else 0)
    least = math.ceil(desired * int(given.get("minimumHealthyPercent", 100)) / 100)
    for task in new[:max(0, len(new) - desired)]:
        _stop(task, "ServiceSchedulerInitiated", f"Scaling activity initiated by (deployment {primary['id']})")
    # Old tasks make room as far as enough healthy ones stay; those that were never healthy go first.
    healthy = sum(task.get("_healthy", False) for task in everything)
    for task in sorted(old, key=lambda task: task.get("_healthy", False)):
        if task.get("_healthy"):
            if healthy <= least:
                break
            healthy -= 1
        _stop(task, "ServiceSchedulerInitiated", f"Scaling activity initiated by (deployment {primary['id']})")
    start = min(desired - len(new), most - len(_tasks(service)))
    if start > 0:
        _start(cluster, service, primary, start)


def _start(cluster, service, primary, count):
    answer = ecs._run_task({
        "cluster": cluster, "taskDefinition": primary["taskDefinition"], "count": count, "startedBy": primary["id"],
        "group": f"service:{service['serviceName']}", "launchType": service.get("launchType"),
        "capacityProviderStrategy": service.get("capacityProviderStrategy"),
        "platformVersion": service.get("platformVersion", ""), "networkConfiguration": service.get("networkConfiguration", {}),
        "enableExecuteCommand": service.get("enableExecuteCommand", False), "_deploymentId": primary["id"],
    })
    started = json.loads(answer[2]).get("tasks", [])
    digests = {i["containerName"]: i.get("imageDigest")
               for i in service["_revisions"].get(primary.get("_revision"), {}).get("containerImages", [])}
    for task in started:
        for container in ecs._tasks[task["taskArn"]]["containers"]:
            container["imageDigest"] = digests.get(container["name"])
    names = "".join(f" (task {task['taskArn'].rpartition('/')[2]})" for task in started)
    event(service, f"has started {len(started)} tasks:{names}.")


def _complete(service, primary):
    """A deployment is complete when all of its tasks are healthy and no old one is to run."""
    new = _tasks(service, primary)
    if primary["rolloutState"] != "IN_PROGRESS" or len(_tasks(service)) != len(new):
        return
    if len(new) != service["desiredCount"] or not all(task.get("_healthy") for task in new):
        return
    primary.update(rolloutState="COMPLETED", rolloutStateReason=f"ECS deployment {primary['id']} completed.", updatedAt=ecs._iso())
    event(service, f"(deployment {primary['id']}) deployment completed.")
    event(service, "has reached a steady state.")
    record = _record(service)
    if record and record["status"] == "IN_PROGRESS" and record["_deployment"] == primary["id"]:
        _end(record, "SUCCESSFUL")
        service["_good"] = record["_target"]
    elif record and record["status"] in GOING_BACK:
        _end(record, "ROLLBACK_SUCCESSFUL")


def _count(service):
    """The counts of the service and its deployments; one without tasks that was overtaken is shown no longer."""
    group = f"service:{service['serviceName']}"
    mine = [t for t in ecs._tasks.values() if t["group"] == group and t["clusterArn"] == service["clusterArn"]]
    count = lambda status, of=None: sum(t["lastStatus"] == status and of in (None, t["_deployment_id"]) for t in mine)
    service.update(runningCount=count("RUNNING"), pendingCount=count("PENDING"))
    for deployment in service["deployments"]:
        deployment.update(runningCount=count("RUNNING", deployment["id"]), pendingCount=count("PENDING", deployment["id"]))
    primary = ecs._primary_deployment(service)
    left = {t["_deployment_id"] for t in mine if t["lastStatus"] != "STOPPED"}
    service["deployments"] = [d for d in service["deployments"] if d is primary or d["id"] in left]


# Failures and the way back.

def _threshold(service):
    return min(200, max(3, math.ceil(service["desiredCount"] / 2)))


def _failed(service, task):
    """A task of the PRIMARY deployment failed before it was healthy; the breaker does not see one that started, then exited."""
    primary, record = ecs._primary_deployment(service), _record(service)
    if not primary or task["_deployment_id"] != primary["id"] or primary["rolloutState"] != "IN_PROGRESS":
        return
    blind = task.get("_was_running") and not service["loadBalancers"]
    primary["failedTasks"] += 1
    breaker = (service.get("deploymentConfiguration") or {}).get("deploymentCircuitBreaker") or {}
    if not breaker.get("enable") or blind or not record or record["status"] != "IN_PROGRESS":
        return
    record["_failures"] += 1
    if record["_failures"] < _threshold(service):
        return
    record["_triggered"] = True
    reason = "ECS deployment circuit breaker: tasks failed to start."
    primary.update(rolloutState="FAILED", rolloutStateReason=reason, updatedAt=ecs._iso())
    event(service, f"(deployment {primary['id']}) deployment failed: tasks failed to start.")
    if breaker.get("rollback"):
        _go_back(service, record, "ROLLBACK_REQUESTED", "Service deployment rolled back because the circuit breaker threshold was exceeded.")
    else:
        _end(record, "STOPPED", "Service deployment stopped because the circuit breaker threshold was exceeded.")


def _go_back(service, record, status, reason):
    """To the revision that was last successful. It gets a deployment of its own, but no new revision."""
    record.update(status=status, statusReason=reason, updatedAt=_now())
    good = service.get("_revisions", {}).get(service.get("_good"))
    if not good:
        return _end(record, "ROLLBACK_FAILED", "No rollback candidate was found to run the rollback.")
    record["rollback"] = {"reason": reason, "startedAt": _now(), "serviceRevisionArn": good["serviceRevisionArn"]}
    record["status"] = "ROLLBACK_IN_PROGRESS"
    primary = ecs._primary_deployment(service)
    primary.update(status="ACTIVE", rolloutState="FAILED")
    back = make_deployment(good["taskDefinition"], service["desiredCount"])
    back.update(_revision=good["serviceRevisionArn"], launchType=service.get("launchType"))
    service["deployments"].insert(0, back)
    service["taskDefinition"] = good["taskDefinition"]
    event(service, f"rolling back to (deployment {back['id']}).")


def submit_task_state_change(data):
    cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
    with LOCK:
        task = ecs._resolve_task(data.get("task", ""), cluster)
        if not task or task["lastStatus"] == "STOPPED":
            return json_response({"acknowledgment": "ACCEPT"})
        service = ecs._services.get(f"{cluster}/{task['group'].partition(':')[2]}")
        {"RUNNING": _runs, "HEALTHY": _is_healthy, "UNHEALTHY": _is_unhealthy, "INTERRUPTED": _is_interrupted,
         "STOPPED": _has_stopped}[data["status"]](task, service, data)
        if service:
            reconcile(cluster, f"{cluster}/{service['serviceName']}")
        ecs._recount_cluster(cluster)
    return json_response({"acknowledgment": "ACCEPT"})


def _runs(task, _service, data):
    if task["desiredStatus"] == "RUNNING":
        ecs._bump_task_version(task)
        task.update(lastStatus="RUNNING", startedAt=ecs._iso(), _was_running=True)
        definition = ecs._task_defs.get(ecs._resolve_td_key(task["taskDefinitionArn"])) or {"containerDefinitions": []}
        read_only = {c["name"] for c in definition["containerDefinitions"] if c.get("readonlyRootFilesystem")}
        for container in task["containers"]:
            container["lastStatus"] = "RUNNING"
            # The agent needs to write (developer guide, "Using ECS Exec").
            if task.get("enableExecuteCommand") and container["name"] not in read_only:
                container["managedAgents"] = [{"name": "ExecuteCommandAgent", "lastStatus": "RUNNING"}]
    for told in data.get("containers", []):
        for container in task["containers"]:
            if container["name"] == told["containerName"]:
                container["runtimeId"] = told.get("runtimeId", container.get("runtimeId"))


def _is_healthy(task, service, _data):
    if task["lastStatus"] == "RUNNING" and task["desiredStatus"] == "RUNNING":
        task.update(_healthy=True, healthStatus="HEALTHY")
        record = service and _record(service)
        if record and record["_deployment"] == task["_deployment_id"]:
            record["_failures"] = 0


def _is_unhealthy(task, service, data):
    if task["desiredStatus"] == "RUNNING":
        _stop(task, "ServiceSchedulerInitiated", data["reason"])
        event(service, f"(task {task['taskArn'].rpartition('/')[2]}) failed health checks: {data['reason']}.")
        _failed(service, task)


def _is_interrupted(task, service, _data):
    """Fargate Spot takes its capacity back (developer guide, stopped task error codes)."""
    if task["desiredStatus"] == "RUNNING":
        _stop(task, "SpotInterruption", "Your Spot Task was interrupted.")


def _has_stopped(task, service, data):
    by_itself = task["desiredStatus"] == "RUNNING"
    task["_healthy"] = False
    if by_itself:
        started = task.get("_was_running")
        _stop(task, "EssentialContainerExited" if started else "TaskFailedToStart",
              data.get("reason") or ("Essential container in task exited" if started else "Task failed to start"))
    now = ecs._iso()
    task.update(lastStatus="STOPPED", stoppedAt=now, executionStoppedAt=now)
    told = {container["containerName"]: container for container in data.get("containers", [])}
    for container in task["containers"]:
        said = told.get(container["name"], {})
        container.update(lastStatus="STOPPED", exitCode=said.get("exitCode"), reason=said.get("reason"))
    if by_itself and service and service["status"] == "ACTIVE":
        if task["stopCode"] == "TaskFailedToStart":
            event(service, f"was unable to start a task: {task['stoppedReason']}.")
        _failed(service, task)


# The calls.

def create_service(data):
    with LOCK:
        answer = _create_service(data)
        service = _named(data, "serviceName")
        if answer[0] == 200 and service and not service.get("_records"):
            _begin(service, service["deployments"][0], [])
            reconcile(*_key(service))
            answer = json_response({"service": _shown(service)})
    return answer


def update_service(data):
    with LOCK:
        service = _named(data, "service")
        if service and (refusal := _refused(service, data)):
            return refusal
        before = ecs._primary_deployment(service)["id"] if service and service["deployments"] else None
        events = list(service["events"]) if service else []
        answer = _update_service(data)
        if answer[0] != 200:
            return answer
        # ministack says of every update that connections are drained.
        service["events"] = events
        for field in ("propagateTags", "deploymentConfiguration", "enableExecuteCommand"):
            if field in data:
                service[field] = data[field]
        primary = ecs._primary_deployment(service)
        if primary["id"] != before:
            source = [d["_revision"] for d in service["deployments"] if d is not primary and "_revision" in d]
            unfinished = _record(service)
            if unfinished and unfinished["status"] not in ENDED:
                _end(unfinished, "STOPPED", "Replaced by a new service deployment")
                unfinished["stoppedAt"] = _now()
            _begin(service, primary, source)
        reconcile(*_key(service))
        return json_response({"service": _shown(service)})


def _refused(service, data):
    if service["status"] != "ACTIVE":
        return error_response_json("ServiceNotActiveException", "Service was not ACTIVE.", 400)
    controller = (service.get("deploymentController") or {}).get("type", "ECS")
    if controller != "ECS" and data.get("taskDefinition"):
        return error_response_json("InvalidParameterException", "Unable to update task definition on services with a "
                                   f"{controller} deployment controller.", 400)
    if wanted := data.get("taskDefinition"):
        definition = ecs._task_defs.get(ecs._resolve_td_key(wanted))
        if not definition or definition["status"] != "ACTIVE":
            return error_response_json("ClientException", "TaskDefinition is inactive" if definition else "TaskDefinition not found.", 400)
    return None


def delete_service(data):
    with LOCK:
        return _delete_service(data)


def run_task(data):
    before = set(ecs._tasks.keys())
    with LOCK:
        token = data.get("clientToken")
        for task in ecs._tasks.values() if token else ():
            if task.get("_token") == token:
                return json_response({"tasks": [ecs._sanitize(task)], "failures": []})
        if failure := _unplaced(data):
            return json_response({"tasks": [], "failures": [failure]})
        answer = _run_task(data)
        if answer[0] != 200:
            return answer
        for arn, task in ecs._tasks.items():
            if arn not in before:
                task.update(lastStatus="PENDING", startedAt=None, _startup_stable=False, _token=token)
                for container in task["containers"]:
                    container.update(lastStatus="PENDING", imageDigest=digest(container["image"]))
        shown = json.loads(answer[2])
        shown["tasks"] = [ecs._sanitize(ecs._tasks[task["taskArn"]]) for task in shown["tasks"]]
        return json_response(shown)


def _unplaced(data):
    """Why no task is placed: this machine has no attributes, so that it meets no constraint (ECS developer guide, API failure reasons)."""
    definition = ecs._task_defs.get(ecs._resolve_td_key(data.get("taskDefinition", ""))) or {}
    constraints = data.get("placementConstraints", []) + definition.get("placementConstraints", [])
    if not any(constraint.get("type") == "memberOf" for constraint in constraints):
        return None
    arn = f"arn:aws:ecs:{get_region()}:{get_account_id()}:container-instance/{data.get('cluster', 'default')}/{'0' * 32}"
    return {"arn": arn, "reason": "MemberOf placement constraint unsatisfied."}


def stop_task(data):
    cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
    with LOCK:
        task = ecs._resolve_task(data.get("task", ""), cluster)
        if not task:
            return error_response_json("InvalidParameterException", "The referenced task was not found.", 400)
        if task["desiredStatus"] == "RUNNING":
            _stop(task, "UserInitiated", data.get("reason", "Task stopped by user"))
            if service := ecs._services.get(f"{cluster}/{task['group'].partition(':')[2]}"):
                reconcile(*_key(service))
        return json_response({"task": ecs._sanitize(task)})


def execute_command(data):
    task = ecs._resolve_task(data.get("task", ""), ecs._resolve_cluster_name(data.get("cluster", "default")))
    agent = task and any(c["name"] == data.get("container") and c.get("managedAgents") for c in task["containers"])
    if not agent or task["lastStatus"] != "RUNNING":
        return error_response_json("InvalidParameterException", "The execute command failed because execute command was not enabled "
                                   "when the task was run or the execute command agent isn't running.", 400)
    return _execute_command(data)


_execute_command = ecs._execute_command


def list_tasks(data):
    if data.get("startedBy") and (data.get("serviceName") or data.get("family")):
        return error_response_json("InvalidParameterException", "cannot specify startedBy with another filter", 400)
    # All of them: the gateway cuts pages, as for every other list.
    return _list_tasks(data | {"maxResults": len(ecs._tasks) + 1, "nextToken": None})


_list_tasks = ecs._list_tasks


def describe_tasks(data):
    if not data.get("tasks"):
        return error_response_json("InvalidParameterException", "Tasks cannot be empty.", 400)
    return _describe_tasks(data)


_describe_tasks = ecs._describe_tasks


def describe_services(data):
    if len(data.get("services", [])) not in range(1, 11):
        return error_response_json("InvalidParameterException", "Services must have 1 to 10 elements.", 400)
    with LOCK:
        answer = _describe_services(data)
        if answer[0] != 200:
            return answer
        shown = json.loads(answer[2])
        for service in shown["services"]:
            stored = ecs._services[service["serviceArn"].split(":service/")[1]]
            tags = service.get("tags")
            service.clear()
            service.update(_shown(stored))
            if tags is not None and "TAGS" in data.get("include", []):
                service["tags"] = tags
            else:
                service.pop("tags", None)
        return json_response(shown)


def _shown(service):
    shown = ecs._sanitize(service)
    shown["currentServiceRevisions"] = [
        {"arn": d["_revision"], "requestedTaskCount": d["desiredCount"], "runningTaskCount": d["runningCount"],
         "pendingTaskCount": d["pendingCount"]}
        for d in service["deployments"] if "_revision" in d and d["runningCount"] + d["pendingCount"]]
    if (record := _record(service)) and record["status"] not in ENDED:
        shown["currentServiceDeployment"] = record["serviceDeploymentArn"]
    if (shown.get("deploymentController") or {}).get("type", "ECS") != "ECS":
        # CODE_DEPLOY and EXTERNAL: what runs are task sets (botocore: ecs/2014-11-13, Service).
        shown["taskSets"] = [_task_set(shown, deployment) for deployment in shown["deployments"]]
        shown["deployments"] = []
    return shown


def _task_set(service, deployment):
    desired, running, pending = (deployment[key] for key in ("desiredCount", "runningCount", "pendingCount"))
    return {"id": deployment["id"], "serviceArn": service["serviceArn"], "clusterArn": service["clusterArn"],
            "taskSetArn": f"{service['serviceArn'].replace(':service/', ':task-set/')}/{deployment['id']}",
            "status": deployment["status"], "taskDefinition": deployment["taskDefinition"], "computedDesiredCount": desired,
            "runningCount": running, "pendingCount": pending, "loadBalancers": service["loadBalancers"],
            "createdAt": deployment["createdAt"], "scale": {"value": 100.0, "unit": "PERCENT"},
            "stabilityStatus": "STEADY_STATE" if running == desired and not pending else "STABILIZING"}


def list_service_deployments(data):
    service = _named(data, "service")
    if not service:
        return error_response_json("ServiceNotFoundException", "Service not found.", 400)
    wanted = data.get("status") or []
    rows = [{k: v for k, v in ecs._sanitize(record).items() if k in (
        "serviceDeploymentArn", "serviceArn", "clusterArn", "startedAt", "createdAt", "finishedAt", "status", "statusReason")}
        | {"targetServiceRevisionArn": record["_target"]}
        for record in service.get("_records", []) if not wanted or record["status"] in wanted]
    return json_response({"serviceDeployments": rows})


def describe_service_deployments(data):
    wanted = data.get("serviceDeploymentArns", [])
    if len(wanted) not in range(1, 21):
        return error_response_json("InvalidParameterException", "serviceDeploymentArns must have 1 to 20 elements.", 400)
    found = {record["serviceDeploymentArn"]: _described(service, record)
             for service in ecs._services.values() for record in service.get("_records", [])
             if record["serviceDeploymentArn"] in wanted}
    return json_response({"serviceDeployments": list(found.values()),
                          "failures": [{"arn": arn, "reason": "MISSING"} for arn in wanted if arn not in found]})


def _described(service, record):
    breaker = (service.get("deploymentConfiguration") or {}).get("deploymentCircuitBreaker") or {}
    by_revision = {d.get("_revision"): d for d in service["deployments"]}
    summary = lambda arn: {"arn": arn, "requestedTaskCount": by_revision.get(arn, {}).get("desiredCount", 0),
                           "runningTaskCount": by_revision.get(arn, {}).get("runningCount", 0),
                           "pendingTaskCount": by_revision.get(arn, {}).get("pendingCount", 0)}
    state = "DISABLED" if not breaker.get("enable") else "TRIGGERED" if record.get("_triggered") else \
        "MONITORING" if record["status"] == "IN_PROGRESS" else "MONITORING_COMPLETE"
    return ecs._sanitize(record) | {
        "targetServiceRevision": summary(record["_target"]), "sourceServiceRevisions": [summary(arn) for arn in record["_sources"]],
        "deploymentConfiguration": service.get("deploymentConfiguration") or {},
        "deploymentCircuitBreaker": {"status": state, "failureCount": record["_failures"], "threshold": _threshold(service)}}


def stop_service_deployment(data):
    arn, kind = data.get("serviceDeploymentArn", ""), data.get("stopType", "ROLLBACK")
    with LOCK:
        for service in ecs._services.values():
            for record in service.get("_records", []):
                if record["serviceDeploymentArn"] != arn:
                    continue
                if record["status"] not in ("PENDING", "IN_PROGRESS"):
                    return error_response_json("ConflictException", "The service deployment cannot be stopped since its status is "
                                               f"{record['status']}.", 400)
                if kind == "ABORT":
                    _end(record, "STOPPED", "Service deployment stopped by a StopServiceDeployment request")
                else:
                    _go_back(service, record, "STOP_REQUESTED", "Service deployment rolled back by a StopServiceDeployment request")
                reconcile(*_key(service))
                return json_response({"serviceDeploymentArn": arn})
    return error_response_json("ServiceDeploymentNotFoundException", f"The service deployment {arn} was not found.", 400)


def describe_service_revisions(data):
    wanted = data.get("serviceRevisionArns", [])
    found = {arn: revision for service in ecs._services.values() for arn, revision in service.get("_revisions", {}).items()
             if arn in wanted}
    return json_response({"serviceRevisions": list(found.values()),
                          "failures": [{"arn": arn, "reason": "MISSING"} for arn in wanted if arn not in found]})


def _named(data, field):
    cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
    name = ecs._resolve_service_ref(data.get(field, ""))
    return ecs._services.get(f"{name[1] or cluster}/{name[0]}") if name else None


def _key(service):
    cluster = service["clusterArn"].rpartition("/")[2]
    return cluster, f"{cluster}/{service['serviceName']}"


def install():
    """Replaces ministack's own parts by those of this file, in the module (CloudFormation calls there) and in its table of actions."""
    ecs._get_docker = lambda: None
    ecs._make_deployment, ecs._reconcile_service_tasks = make_deployment, reconcile
    ecs._refresh_service_state = lambda cluster, group: None
    ecs._create_service, ecs._update_service, ecs._delete_service = create_service, update_service, delete_service
    ecs._run_task, ecs._stop_task = run_task, stop_task
    ecs._ACTION_MAP.update({
        "CreateService": create_service, "UpdateService": update_service, "DeleteService": delete_service,
        "DescribeServices": describe_services, "RunTask": run_task, "StopTask": stop_task, "ListTasks": list_tasks, "ExecuteCommand": execute_command,
        "DescribeTasks": describe_tasks, "SubmitTaskStateChange": submit_task_state_change,
        "ListServiceDeployments": list_service_deployments, "DescribeServiceDeployments": describe_service_deployments,
        "StopServiceDeployment": stop_service_deployment, "DescribeServiceRevisions": describe_service_revisions,
    })
