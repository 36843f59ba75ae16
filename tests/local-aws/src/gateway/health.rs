//! DescribeTargetHealth: what the load balancer's own probes say. Source: ELB API reference, `TargetHealthDescription`.

use quick_xml::escape::escape;

use super::answer::{Answer, query_result};
use super::request::Request;
use crate::load_balancer::{LoadBalancer, TargetState};

/// The answer for a group that exists.
pub(super) fn describe(request: &Request, load_balancer: &LoadBalancer) -> Answer {
    let states = load_balancer.health(request.query("TargetGroupArn").unwrap_or_default());
    let asked = asked(request);
    let states: Vec<TargetState> =
        if asked.is_empty() { states } else { asked.iter().flat_map(|(id, port)| named(&states, id, *port)).collect() };
    let members: String = states.iter().map(member).collect();
    query_result(&request.action, &format!("<TargetHealthDescriptions>{members}</TargetHealthDescriptions>"))
}

/// The targets that the call names: an id, and a port where one is given.
fn asked(request: &Request) -> Vec<(String, Option<u16>)> {
    (1..)
        .map_while(|number| {
            let id = request.query(&format!("Targets.member.{number}.Id"))?;
            let port = request.query(&format!("Targets.member.{number}.Port"));
            Some((id.to_owned(), port.and_then(|port| port.parse().ok())))
        })
        .collect()
}

fn named(states: &[TargetState], id: &str, port: Option<u16>) -> Vec<TargetState> {
    let found: Vec<TargetState> =
        states.iter().filter(|state| state.id == id && port.is_none_or(|port| state.port == port)).cloned().collect();
    if !found.is_empty() {
        return found;
    }
    vec![TargetState {
        id: id.to_owned(),
        port: port.unwrap_or_default(),
        state: "unused".to_owned(),
        reason: Some("Target.NotRegistered".to_owned()),
        description: Some("Target is not registered to the target group".to_owned()),
        zonally_shifted: false,
    }]
}

fn member(target: &TargetState) -> String {
    let element = |name: &str, value: &Option<String>| {
        value.as_deref().map(|value| format!("<{name}>{}</{name}>", escape(value))).unwrap_or_default()
    };
    let shifted = "<AdministrativeOverride><State>zonal_shift_active</State>\
        <Reason>AdministrativeOverride.ZonalShiftActive</Reason><Description>Zonal shift is active for the target</Description>\
        </AdministrativeOverride>";
    format!(
        "<member><HealthCheckPort>{port}</HealthCheckPort><Target><Id>{}</Id><Port>{port}</Port></Target>\
         <TargetHealth><State>{}</State>{}{}</TargetHealth>{}</member>",
        escape(target.id.as_str()),
        target.state,
        element("Reason", &target.reason),
        element("Description", &target.description),
        if target.zonally_shifted { shifted } else { "" },
        port = target.port,
    )
}
