"""Services made by stacks, as AWS makes them, where ministack 1.5.33 simplifies.

A stack waits for its service to be steady, and fails where the circuit breaker ends the deployment. What ministack drops
of a service's properties is passed on. A service needs a target group that a load balancer names.
"""
import time

from ministack.services import alb, ecs
from ministack.services.cloudformation import provisioners, stacks

import load_balancers

# Whoever runs the tasks is asked to within a poll of the stack; longer means that nobody does.
PATIENCE_SECONDS = 180
DROPPED = ("AvailabilityZoneRebalancing", "EnableExecuteCommand", "HealthCheckGracePeriodSeconds", "PropagateTags",
           "ServiceConnectConfiguration", "ServiceRegistries")

_create, _update = provisioners._ecs_service_create, provisioners._ecs_service_update
_on_worker, _definitions = stacks._runs_on_worker_thread, provisioners._normalize_container_defs


def _numbers(value, names):
    """A parameter of type Number, or an import, reaches a resource as a text; AWS takes it for the number."""
    if isinstance(value, dict):
        return {name: int(inner) if name in names else _numbers(inner, names) for name, inner in value.items()}
    return [_numbers(inner, names) for inner in value] if isinstance(value, list) else value


SERVICE_NUMBERS = {"DesiredCount", "HealthCheckGracePeriodSeconds", "ContainerPort", "Weight", "Base",
                   "MinimumHealthyPercent", "MaximumPercent"}


def container_definitions(definitions):
    return _numbers(_definitions(definitions), {"containerPort", "hostPort"})


def create(logical_id, props, stack_name):
    props = _numbers(props, SERVICE_NUMBERS)
    for target in props.get("LoadBalancers") or []:
        group = target.get("TargetGroupArn")
        if group and not (group in alb._tgs and load_balancers.attached(group)):
            raise ValueError(f"InvalidParameterException: The target group with targetGroupArn {group} does not have an associated load balancer.")
    arn, attributes = _create(logical_id, props, stack_name)
    _pass_on(arn, props)
    _steady(arn)
    return arn, attributes


def update(physical_id, old_props, new_props, stack_name):
    old_props, new_props = _numbers(old_props, SERVICE_NUMBERS), _numbers(new_props, SERVICE_NUMBERS)
    answer = _update(physical_id, old_props, new_props, stack_name)
    _pass_on(physical_id, new_props)
    _steady(physical_id)
    return answer


def _service(arn):
    cluster, _, name = arn.partition(":service/")[2].partition("/")
    return ecs._services.get(f"{cluster}/{name}")


def _pass_on(arn, props):
    service = _service(arn)
    for name in DROPPED:
        if name in props:
            service[name[0].lower() + name[1:]] = provisioners._pascal_to_camel(props[name])
    service["enableExecuteCommand"] = provisioners._cfn_bool(props.get("EnableExecuteCommand", False))


def _steady(arn):
    """Waits for the deployment that is the newest now."""
    deployment = ecs._primary_deployment(_service(arn))["id"]
    ends = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends:
        service = _service(arn)
        mine = next((d for d in service["deployments"] if d["id"] == deployment), None)
        if mine is None or mine["rolloutState"] == "FAILED":
            raise ValueError("Resource handler returned message: \"Error occurred during operation 'ECS Deployment Circuit Breaker was triggered'.\"")
        if mine["rolloutState"] == "COMPLETED":
            return
        time.sleep(0.05)
    raise ValueError(f"the service {arn} did not become steady in {PATIENCE_SECONDS} s")


def install():
    """Replaces ministack's own parts by those of this file."""
    stacks._runs_on_worker_thread = lambda kind: kind == "AWS::ECS::Service" or _on_worker(kind)
    provisioners._normalize_container_defs = container_definitions
    provisioners._RESOURCE_HANDLERS["AWS::ECS::Service"].update(create=create, update=update)
