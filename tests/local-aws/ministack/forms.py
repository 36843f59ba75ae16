"""The forms of actions and conditions: read from a call, kept, and printed as AWS prints them.

An action or a condition is kept as the tree it was sent as, whatever it holds, so that nothing is dropped.
"""
from xml.sax.saxutils import escape

# A map (not a structure) in the model: printed as entries.
MAPS = {"AuthenticationRequestExtraParams"}
SIGN_IN = {"authenticate-oidc": "AuthenticateOidcConfig", "authenticate-cognito": "AuthenticateCognitoConfig"}
SIGN_IN_DEFAULTS = {"SessionCookieName": "AWSELBAuthSessionCookie", "Scope": "openid",
                    "SessionTimeout": "604800", "OnUnauthenticatedRequest": "authenticate"}
REDIRECT_DEFAULTS = {"Protocol": "#{protocol}", "Port": "#{port}", "Host": "#{host}", "Path": "/#{path}", "Query": "#{query}"}
# The other conditions have a typed form only.
FLAT_CONDITIONS = {"path-pattern": "PathPatternConfig", "host-header": "HostHeaderConfig"}
TYPED_CONDITIONS = FLAT_CONDITIONS | {"http-request-method": "HttpRequestMethodConfig", "source-ip": "SourceIpConfig",
                                      "http-header": "HttpHeaderConfig", "query-string": "QueryStringConfig"}


class Refused(Exception):
    """What AWS answers instead: a code and a message."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code, self.message = code, message


# Trees: `Actions.member.1.ForwardConfig.TargetGroups.member.1.Weight=100` and back to XML.

def tree(params, prefix):
    """What the request holds under `prefix`, as lists, dictionaries and strings."""
    root = {}
    for key, value in params.items():
        if not key.startswith(prefix + "."):
            continue
        node, path = root, key[len(prefix) + 1:].split(".")
        for name in path[:-1]:
            node = node.setdefault(name, {})
        node[path[-1]] = value[0] if isinstance(value, list) else value
    return _folded(root)


def _folded(node):
    if not isinstance(node, dict):
        return node
    for kind in ("member", "entry"):
        if set(node) == {kind}:
            items = [_folded(item) for _, item in sorted(node[kind].items(), key=lambda pair: int(pair[0]))]
            return items if kind == "member" else {item["key"]: item["value"] for item in items}
    return {name: _folded(value) for name, value in node.items()}


def xml(value, name=""):
    """A tree in the words of the Query protocol's answers."""
    if name in MAPS:
        return "".join(f"<entry><key>{xml(k)}</key><value>{xml(v)}</value></entry>" for k, v in value.items())
    if isinstance(value, dict):
        return "".join(f"<{k}>{xml(v, k)}</{k}>" for k, v in value.items())
    if isinstance(value, list):
        return "".join(f"<member>{xml(item)}</member>" for item in value)
    return escape(str(value).lower() if isinstance(value, bool) else str(value))


# Actions.

def groups_of(action):
    """The target groups an action forwards to, at whatever weight."""
    return [group["TargetGroupArn"] for group in (action.get("ForwardConfig") or {}).get("TargetGroups") or []]


def kept(action):
    """An action as it is stored: as sent, with the defaults that AWS fills in."""
    action = dict(action)
    if "Order" in action:
        action["Order"] = int(action["Order"])
    if action["Type"] == "forward":
        _keep_forward(action)
    if config := SIGN_IN.get(action["Type"]):
        action[config] = SIGN_IN_DEFAULTS | action.get(config, {})
    if "RedirectConfig" in action:
        action["RedirectConfig"] = REDIRECT_DEFAULTS | action["RedirectConfig"]
    return action


def _keep_forward(action):
    forward, single = action.get("ForwardConfig") or {}, action.get("TargetGroupArn")
    groups = [{"TargetGroupArn": group["TargetGroupArn"], "Weight": int(group.get("Weight", 1))}
              for group in forward.get("TargetGroups") or ([{"TargetGroupArn": single}] if single else [])]
    if not groups:
        raise Refused("ValidationError", "A forward action must name a target group")
    if single and [single] != [group["TargetGroupArn"] for group in groups]:
        raise Refused("ValidationError", "TargetGroupArn and ForwardConfig may both be given only if they name the same single target group")
    if len(groups) > 5:
        raise Refused("TooManyActions", f"A forward action may name at most 5 target groups, not {len(groups)}")
    for group in groups:
        if not 0 <= group["Weight"] <= 999:
            raise Refused("ValidationError", f"Weight '{group['Weight']}' must be between 0 and 999")
    sticky = forward.get("TargetGroupStickinessConfig") or {"Enabled": "false"}
    action["ForwardConfig"] = {"TargetGroups": groups, "TargetGroupStickinessConfig": dict(sticky)}
    # AWS prints the short form beside the long one for a single group, and only the long one for several.
    action.pop("TargetGroupArn", None)
    if len(groups) == 1:
        action["TargetGroupArn"] = groups[0]["TargetGroupArn"]


def parse_actions(params, prefix="DefaultActions"):
    actions = tree(params, prefix)
    return [kept(action) for action in actions] if isinstance(actions, list) else []


def action_xml(action):
    shown = dict(action)
    if config := shown.get("AuthenticateOidcConfig"):
        # Never returned by AWS.
        shown["AuthenticateOidcConfig"] = {k: v for k, v in config.items() if k not in ("ClientSecret", "UseExistingClientSecret")}
    return f"<member>{xml(shown)}</member>"


# Conditions.

def kept_condition(condition):
    config = TYPED_CONDITIONS.get(condition.get("Field"))
    values = condition.get("Values")
    if config and config not in condition and values:
        condition = {"Field": condition["Field"], config: {"Values": values}}
    if condition.get("Field") in FLAT_CONDITIONS:
        condition = condition | {"Values": condition[config].get("Values", [])}
    return condition


def parse_conditions(params, prefix="Conditions"):
    conditions = tree(params, prefix)
    return [kept_condition(condition) for condition in conditions] if isinstance(conditions, list) else []


def condition_xml(condition):
    return f"<member>{xml(condition)}</member>"
