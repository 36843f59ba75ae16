"""Load balancers as AWS has them, where ministack 1.5.33 simplifies.

ministack keeps one target group per action, drops sign-in actions and typed conditions, and accepts what AWS refuses.
`forms` keeps and prints actions and conditions whole; here are the calls, and what they refuse. The refusals carry the
codes of the service model (botocore: elbv2/2015-12-01); their wording is our own.
"""
from ministack.services import alb
from ministack.services.cloudformation import provisioners

from forms import Refused, action_xml, condition_xml, groups_of, kept, kept_condition, parse_actions, parse_conditions, tree


# What is refused about actions.

def check_actions(actions, load_balancer, protocol):
    """Refuses what AWS refuses about a list of actions."""
    orders = [action.get("Order") for action in actions]
    if len(actions) > 1 and (None in orders or len(set(orders)) != len(orders)):
        raise Refused("ValidationError", "Several actions need an Order each, all different")
    last = max(actions, key=lambda action: action.get("Order") or 1)
    final = [action for action in actions if action["Type"] in ("forward", "redirect", "fixed-response")]
    if final != [last]:
        raise Refused("InvalidLoadBalancerAction", "The last action, and no other, must be a forward, redirect or fixed-response")
    if len(actions) > 1 and protocol != "HTTPS":
        raise Refused("InvalidLoadBalancerAction", f"An action of type '{actions[0]['Type']}' needs an HTTPS listener, not {protocol}")
    for arn in groups_of(last):
        if arn not in alb._tgs:
            raise Refused("TargetGroupNotFound", f"Target group '{arn}' not found")
        if others := attached(arn) - {load_balancer}:
            raise Refused("TargetGroupAssociationLimit", f"Target group '{arn}' is already associated with {', '.join(others)}")
    check_stickiness(last)


def check_stickiness(action):
    """Group stickiness: its duration, and that sticky targets need it where groups share an action (aws-load-balancer-controller#2734)."""
    sticky = (action.get("ForwardConfig") or {}).get("TargetGroupStickinessConfig") or {}
    seconds = sticky.get("DurationSeconds")
    if seconds is not None and not _is_on(sticky):
        raise Refused("ValidationError", "DurationSeconds may be given only where target group stickiness is enabled")
    if seconds is not None and not 1 <= int(seconds) <= 604800:
        raise Refused("ValidationError", f"DurationSeconds '{seconds}' must be between 1 and 604800")
    if len(groups_of(action)) < 2:
        return
    for arn in groups_of(action):
        if _attribute(arn, "stickiness.enabled") != "true":
            continue
        if _attribute(arn, "stickiness.type") == "app_cookie":
            raise Refused("InvalidConfigurationRequest", f"Target group '{arn}' has application-based stickiness, "
                          "which weighted target groups do not support")
        if not _is_on(sticky):
            raise Refused("InvalidConfigurationRequest", f"Target group '{arn}' has sticky targets: "
                          "the action must enable target group stickiness, since it names several groups")


def _is_on(sticky):
    return str(sticky.get("Enabled")).lower() == "true"


def keep_secrets(params, prefix, before):
    """Puts the stored client secret where the request says UseExistingClientSecret; refuses one that has neither."""
    actions = tree(params, prefix)
    for number, action in enumerate(actions if isinstance(actions, list) else [], 1):
        config = action.get("AuthenticateOidcConfig")
        if config is None or config.get("ClientSecret"):
            continue
        stored = [old["AuthenticateOidcConfig"]["ClientSecret"] for old in before if "AuthenticateOidcConfig" in old]
        if config.get("UseExistingClientSecret") != "true" or not stored:
            raise Refused("ValidationError", "ClientSecret is required, unless a rule that has one is modified with UseExistingClientSecret")
        params[f"{prefix}.member.{number}.AuthenticateOidcConfig.ClientSecret"] = [stored[0]]


def attached(group):
    """The load balancers that have a rule which names this target group."""
    return {alb._listeners[rule["ListenerArn"]]["LoadBalancerArn"]
            for rule in alb._rules.values() if rule["ListenerArn"] in alb._listeners
            for action in rule["Actions"] if group in groups_of(action)}


def _attribute(group, key):
    return next((a["Value"] for a in alb._tg_attrs.get(group, []) if a["Key"] == key), None)


# Calls: each looks first, so that a refused call has changed nothing.

def create_listener(params):
    lb, port = alb._p(params, "LoadBalancerArn"), int(alb._p(params, "Port", "80"))
    if any(other["LoadBalancerArn"] == lb and other["Port"] == port for other in alb._listeners.values()):
        raise Refused("DuplicateListener", f"A listener already exists on port '{port}' of '{lb}'")
    keep_secrets(params, "DefaultActions", [])
    check_actions(parse_actions(params) or [{"Type": ""}], lb, alb._p(params, "Protocol", "HTTP"))
    return alb._create_listener(params)


def modify_listener(params):
    listener = alb._listeners.get(alb._p(params, "ListenerArn"))
    if listener:
        keep_secrets(params, "DefaultActions", listener["DefaultActions"])
        if actions := parse_actions(params):
            check_actions(actions, listener["LoadBalancerArn"], alb._p(params, "Protocol", listener["Protocol"]))
    return alb._modify_listener(params)


def create_rule(params):
    listener = alb._listeners.get(alb._p(params, "ListenerArn"))
    if listener:
        priority = alb._p(params, "Priority")
        if any(r["ListenerArn"] == listener["ListenerArn"] and r["Priority"] == priority for r in alb._rules.values()):
            raise Refused("PriorityInUse", f"Priority '{priority}' is currently in use")
        keep_secrets(params, "Actions", [])
        check_actions(parse_actions(params, "Actions") or [{"Type": ""}], listener["LoadBalancerArn"], listener["Protocol"])
    return alb._create_rule(params)


def modify_rule(params):
    rule = alb._rules.get(alb._p(params, "RuleArn"))
    if rule:
        listener = alb._listeners[rule["ListenerArn"]]
        keep_secrets(params, "Actions", rule["Actions"])
        if actions := parse_actions(params, "Actions"):
            check_actions(actions, listener["LoadBalancerArn"], listener["Protocol"])
    return alb._modify_rule(params)


def delete_rule(params):
    _all_there(alb._rules, [alb._p(params, "RuleArn")], "RuleNotFound", "Rule")
    return alb._delete_rule(params)


def set_rule_priorities(params):
    wanted = {item["RuleArn"]: item["Priority"] for item in tree(params, "RulePriorities")}
    _all_there(alb._rules, wanted, "RuleNotFound", "Rule")
    listeners = {alb._rules[arn]["ListenerArn"] for arn in wanted}
    taken = [wanted.get(arn, rule["Priority"]) for arn, rule in alb._rules.items() if rule["ListenerArn"] in listeners]
    for priority in wanted.values():
        if taken.count(priority) > len(listeners):
            raise Refused("PriorityInUse", f"Priority '{priority}' is currently in use")
    return alb._set_rule_priorities(params)


def describe_load_balancers(params):
    names = {lb["LoadBalancerName"] for lb in alb._lbs.values()}
    if missing := [name for name in alb._parse_member_list(params, "Names") if name not in names and len(name) <= 32]:
        raise Refused("LoadBalancerNotFound", f"Load balancers '[{', '.join(missing)}]' not found")
    _all_there(alb._lbs, alb._parse_member_list(params, "LoadBalancerArns"), "LoadBalancerNotFound", "Load balancer")
    return alb._describe_lbs(params)


def delete_load_balancer(params):
    provisioners._elbv2_load_balancer_delete(alb._p(params, "LoadBalancerArn"), {})
    return alb._empty("DeleteLoadBalancer")


def describe_listeners(params):
    _all_there(alb._lbs, _given(params, "LoadBalancerArn"), "LoadBalancerNotFound", "Load balancer")
    _all_there(alb._listeners, alb._parse_member_list(params, "ListenerArns"), "ListenerNotFound", "Listener")
    return alb._describe_listeners(params)


def describe_rules(params):
    _all_there(alb._listeners, _given(params, "ListenerArn"), "ListenerNotFound", "Listener")
    wanted = alb._parse_member_list(params, "RuleArns")
    _all_there(alb._rules, wanted, "RuleNotFound", "Rule")
    listener = alb._p(params, "ListenerArn")
    rules = [rule for arn, rule in alb._rules.items() if arn in wanted or rule["ListenerArn"] == listener]
    rules.sort(key=alb._rule_sort_key)
    return alb._xml(200, "DescribeRules", f"<Rules>{''.join(map(alb._rule_xml, rules))}</Rules>")


def describe_target_groups(params):
    names = {group["TargetGroupName"] for group in alb._tgs.values()}
    if missing := [name for name in alb._parse_member_list(params, "Names") if name not in names]:
        raise Refused("TargetGroupNotFound", f"Target groups '[{', '.join(missing)}]' not found")
    _all_there(alb._tgs, alb._parse_member_list(params, "TargetGroupArns"), "TargetGroupNotFound", "Target group")
    for arn, group in alb._tgs.items():
        group["LoadBalancerArns"] = sorted(attached(arn))
    return alb._describe_tgs(params)


def delete_target_group(params):
    arn = alb._p(params, "TargetGroupArn")
    if attached(arn):
        raise Refused("ResourceInUse", f"Target group '{arn}' is currently in use by a listener or a rule")
    return alb._delete_tg(params)


def register_targets(params):
    arn, targets = _targets(params)
    registered = alb._targets.setdefault(arn, [])
    registered.extend(target for target in targets if target not in registered)
    return alb._empty("RegisterTargets")


def deregister_targets(params):
    arn, targets = _targets(params)
    alb._targets[arn] = [target for target in alb._targets.get(arn, []) if target not in targets]
    return alb._empty("DeregisterTargets")


def _targets(params):
    """A target is an id and a port: on loopback, every one of them has the same id."""
    arn = alb._p(params, "TargetGroupArn")
    _all_there(alb._tgs, [arn], "TargetGroupNotFound", "Target group")
    default = alb._tgs[arn].get("Port", 80)
    return arn, [{"Id": t["Id"], "Port": t.get("Port", default)} for t in alb._parse_targets_param(params)]


def create_target_group(params):
    kind = alb._p(params, "TargetType", "instance")
    if kind == "lambda":
        params.setdefault("HealthCheckEnabled", ["false"])
    _check_health_checks(params, kind)
    return alb._create_tg(params)


def modify_target_group(params):
    _check_health_checks(params, alb._tgs.get(alb._p(params, "TargetGroupArn"), {}).get("TargetType"))
    return alb._modify_tg(params)


def _check_health_checks(params, kind):
    """They can be off for functions alone (openkruise/kruise-game#357)."""
    if alb._p(params, "HealthCheckEnabled", "true").lower() == "false" and kind not in ("lambda", None):
        raise Refused("InvalidConfigurationRequest", f"Health check enabled must be true for target groups with target type '{kind}'")


def modify_target_group_attributes(params):
    arn = alb._p(params, "TargetGroupArn")
    wanted = {item["Key"]: item["Value"] for item in tree(params, "Attributes") or []}
    for rule in alb._rules.values() if wanted.get("stickiness.enabled") == "true" else []:
        for action in rule["Actions"]:
            shares = arn in groups_of(action) and len(groups_of(action)) > 1
            if shares and not _is_on(action["ForwardConfig"]["TargetGroupStickinessConfig"]):
                raise Refused("InvalidConfigurationRequest", "This target group appears behind a rule with group stickiness disabled "
                              f"({rule['RuleArn']}). You must enable group stickiness before enabling target stickiness")
    return alb._modify_tg_attrs(params)


def add_tags(params):
    new = {tag["Key"] for tag in alb._parse_tags(params)}
    for arn in alb._parse_member_list(params, "ResourceArns"):
        keys = new | {tag["Key"] for tag in alb._tags.get(arn, [])}
        # Those that AWS itself puts on a resource do not count.
        if sum(not key.startswith("aws:") for key in keys) > 50:
            raise Refused("TooManyTags", f"'{arn}' may have at most 50 tags")
    return alb._add_tags(params)


def _given(params, name):
    return [value] if (value := alb._p(params, name)) else []


def _all_there(store, arns, code, kind):
    if missing := [arn for arn in arns if arn not in store]:
        raise Refused(code, f"{kind} '{missing[0]}' not found")


def _answering(handler):
    def answer(params):
        try:
            return handler(params)
        except Refused as refused:
            return alb._error(refused.code, refused.message)
    return answer


# CloudFormation stores actions and conditions without going through the API.

def provision_actions(props, lb_arn, prop="DefaultActions"):
    # A string "true" and a boolean are the same to CloudFormation.
    return [kept(action) for action in props.get(prop) or []]


def provision_conditions(conditions):
    return [kept_condition(dict(condition)) for condition in conditions or []]


def install():
    """Replaces ministack's own parts by those of this file."""
    alb._parse_actions, alb._action_xml = parse_actions, action_xml
    alb._parse_conditions, alb._condition_xml = parse_conditions, condition_xml
    provisioners._elbv2_listener_actions = provision_actions
    provisioners._flatten_listener_rule_conditions = provision_conditions
    calls = {
        "CreateListener": create_listener, "ModifyListener": modify_listener, "DescribeListeners": describe_listeners,
        "CreateRule": create_rule, "ModifyRule": modify_rule, "DeleteRule": delete_rule,
        "SetRulePriorities": set_rule_priorities, "DescribeRules": describe_rules,
        "DescribeLoadBalancers": describe_load_balancers, "DeleteLoadBalancer": delete_load_balancer,
        "DescribeTargetGroups": describe_target_groups, "DeleteTargetGroup": delete_target_group,
        "CreateTargetGroup": create_target_group, "ModifyTargetGroup": modify_target_group,
        "ModifyTargetGroupAttributes": modify_target_group_attributes, "RegisterTargets": register_targets, "DeregisterTargets": deregister_targets, "AddTags": add_tags,
    }
    alb._ACTION_MAP.update({name: _answering(handler) for name, handler in calls.items()})
