"""Resource types of CloudFormation that ministack 1.5.33 refuses.

Each keeps what its template says, answers for it by Cloud Control (GetResource), and refuses what its schema does not
know: `schemas.json` holds the property names, what is required and what replaces a resource, taken from cfn-lint's
copies of AWS's resource schemas. Where EC2's own API shows a resource, it is made there too.
"""
import json
from pathlib import Path

from ministack.core.responses import get_account_id, get_region, new_uuid
from ministack.services import cloudcontrol, ec2
from ministack.services.cloudformation import provisioners

SCHEMAS = json.loads(Path(__file__).with_name("schemas.json").read_text())


def check(kind, props):
    """Refuses a property that the type does not have, and one that is missing."""
    schema = SCHEMAS[kind]
    if missing := [name for name in schema["required"] if name not in props]:
        raise ValueError(f"Model validation failed (#: required key [{missing[0]}] not found)")
    _check_names(props, schema["properties"], "#")


def _check_names(value, known, path):
    if isinstance(value, list):
        for item in value:
            _check_names(item, known, path)
    elif isinstance(value, dict) and isinstance(known, dict):
        for name, inner in value.items():
            if name not in known:
                raise ValueError(f"Model validation failed ({path}: extraneous key [{name}] is not permitted)")
            _check_names(inner, known[name], f"{path}/{name}")


def keep(kind, identifier, props, attributes):
    key = cloudcontrol._resource_key(kind, identifier)
    properties = json.dumps(props | attributes)
    cloudcontrol._resources[key] = {"TypeName": kind, "Identifier": identifier, "Properties": properties}


def forget(kind, identifier):
    cloudcontrol._resources.pop(cloudcontrol._resource_key(kind, identifier), None)


# Identifiers and attributes: a function of the logical id, the properties and the stack's name.

def _arn(service, rest):
    return f"arn:aws:{service}:{get_region()}:{get_account_id()}:{rest}"


def _named(prop):
    def make(logical_id, props, stack_name):
        return props.get(prop) or provisioners._physical_name(stack_name, logical_id), {}
    return make


def _pipeline(logical_id, props, stack_name):
    return _named("Name")(logical_id, props, stack_name)[0], {"Version": "1"}


def _connection(_logical_id, _props, _stack_name):
    # A person has to confirm it.
    arn = _arn("codeconnections", f"connection/{new_uuid()}")
    return arn, {"ConnectionArn": arn, "ConnectionStatus": "PENDING", "OwnerAccountId": get_account_id()}


def _scalable_target(_logical_id, props, _stack_name):
    identifier = "|".join(props.get(name, "ecs") for name in ("ResourceId", "ScalableDimension", "ServiceNamespace"))
    return identifier, {"Id": identifier}


def _scaling_policy(logical_id, _props, stack_name):
    arn = _arn("autoscaling", f"scalingPolicy:{new_uuid()}:policyName/{stack_name}-{logical_id}")
    return arn, {"Arn": arn}


def _alarm(logical_id, props, stack_name):
    name = _named("AlarmName")(logical_id, props, stack_name)[0]
    return name, {"Arn": _arn("cloudwatch", f"alarm:{name}")}


def _provider(_logical_id, props, _stack_name):
    arn = f"arn:aws:iam::{get_account_id()}:oidc-provider/{props.get('Url', '').removeprefix('https://')}"
    return arn, {"Arn": arn}


def _new(store, call, params):
    """What an EC2 call added to a store."""
    before = set(store.keys())
    answer = call(params)
    made = [key for key in store.keys() if key not in before]
    if not made:
        raise ValueError(str(answer[2]))
    return made[0], store[made[0]]


def _address(_logical_id, props, _stack_name):
    allocation, address = _new(ec2._addresses, ec2._allocate_address, {"Domain": [props.get("Domain", "vpc")]})
    return address["PublicIp"], {"AllocationId": allocation, "PublicIp": address["PublicIp"]}


def _nat_gateway(_logical_id, props, _stack_name):
    params = {name: [props[name]] for name in ("AllocationId", "SubnetId") if name in props}
    identifier, _ = _new(ec2._nat_gateways, ec2._create_nat_gateway, params)
    return identifier, {"NatGatewayId": identifier}


def _permission(props, ends):
    permission = {"GroupId": [props["GroupId"]]}
    prefix = "IpPermissions.1."
    for name in ("IpProtocol", "FromPort", "ToPort"):
        if name in props:
            permission[prefix + name] = [str(props[name])]
    ranges = {"CidrIp": "IpRanges.1.CidrIp", "CidrIpv6": "Ipv6Ranges.1.CidrIpv6", ends: "Groups.1.GroupId"}
    for name, at in ranges.items():
        if name in props:
            permission[prefix + at] = [props[name]]
    return permission


def _rule(authorize, ends):
    def make(_logical_id, props, _stack_name):
        if props["GroupId"] not in ec2._security_groups:
            raise ValueError(f"The security group '{props['GroupId']}' does not exist")
        authorize(_permission(props, ends))
        return f"sgr-{new_uuid().replace('-', '')[:17]}", {}
    return make


def _unrule(revoke, ends):
    def unmake(_identifier, props):
        # The group may have gone with its stack.
        if props.get("GroupId") in ec2._security_groups:
            revoke(_permission(props, ends))
    return unmake


def _release(_identifier, props):
    ec2._addresses.pop(props.get("AllocationId"), None)


MAKE = {
    "AWS::ApplicationAutoScaling::ScalableTarget": _scalable_target,
    "AWS::ApplicationAutoScaling::ScalingPolicy": _scaling_policy,
    "AWS::CloudWatch::CompositeAlarm": _alarm,
    "AWS::CodeConnections::Connection": _connection,
    "AWS::CodePipeline::Pipeline": _pipeline,
    "AWS::EC2::EIP": _address,
    "AWS::EC2::FlowLog": lambda *_: (f"fl-{new_uuid().replace('-', '')[:17]}", {}),
    "AWS::EC2::NatGateway": _nat_gateway,
    "AWS::EC2::SecurityGroupEgress": _rule(ec2._authorize_sg_egress, "DestinationSecurityGroupId"),
    "AWS::EC2::SecurityGroupIngress": _rule(ec2._authorize_sg_ingress, "SourceSecurityGroupId"),
    "AWS::ECS::CapacityProvider": _named("Name"),
    "AWS::ECS::ClusterCapacityProviderAssociations": lambda _, props, __: (props["Cluster"], {}),
    "AWS::IAM::OIDCProvider": _provider,
}
UNMAKE = {
    "AWS::EC2::NatGateway": lambda identifier, _: ec2._delete_nat_gateway({"NatGatewayId": [identifier]}),
    "AWS::EC2::SecurityGroupEgress": _unrule(ec2._revoke_sg_egress, "DestinationSecurityGroupId"),
    "AWS::EC2::SecurityGroupIngress": _unrule(ec2._revoke_sg_ingress, "SourceSecurityGroupId"),
}


def _handler(kind):
    def create(logical_id, props, stack_name):
        check(kind, props)
        identifier, attributes = MAKE[kind](logical_id, props, stack_name)
        keep(kind, identifier, props, attributes)
        return identifier, attributes

    def delete(identifier, props):
        if kind == "AWS::EC2::EIP":
            kept = cloudcontrol._resources.get(cloudcontrol._resource_key(kind, identifier))
            _release(identifier, json.loads(kept["Properties"]) if kept else props)
        UNMAKE.get(kind, lambda *_: None)(identifier, props)
        forget(kind, identifier)

    def update(identifier, old, new, stack_name, logical_id=None):
        check(kind, new)
        replaces = any(old.get(name) != new.get(name) for name in SCHEMAS[kind]["createOnly"])
        if replaces or kind in UNMAKE:
            delete(identifier, old)
            return create(logical_id or identifier, new, stack_name)
        kept = json.loads(cloudcontrol._resources[cloudcontrol._resource_key(kind, identifier)]["Properties"])
        attributes = {name: value for name, value in kept.items() if name not in old}
        if kind == "AWS::CodePipeline::Pipeline":
            attributes["Version"] = str(int(attributes["Version"]) + 1)
        keep(kind, identifier, new, attributes)
        return identifier, attributes

    return {"create": create, "update": update, "update_with_logical_id": True, "delete": delete}


def install():
    """Registers the types."""
    provisioners._RESOURCE_HANDLERS.update({kind: _handler(kind) for kind in MAKE})
