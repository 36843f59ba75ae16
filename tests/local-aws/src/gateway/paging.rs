//! Pages: ministack answers lists whole, AWS in pages. Sources: the API references of Elastic Load Balancing (PageSize 1 to 400,
//! Marker, NextMarker) and of Amazon ECS (maxResults, nextToken). DescribeTags and DescribeTargetHealth have no pages.

use anyhow::{Context, Result};
use bytes::Bytes;
use hyper::Response;
use serde_json::Value;

use super::answer::{Answer, ServiceError};
use super::request::Request;
use super::xml;

/// A list that comes in pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Paged {
    /// The element or field that holds the items.
    list: &'static str,
    /// What AWS answers in a page unless asked for more or less.
    default: usize,
    /// The most that can be asked for.
    most: usize,
}

/// What the caller wants of the list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    paged: Paged,
    first: usize,
    size: usize,
}

fn paged(request: &Request) -> Option<Paged> {
    let (list, default, most) = match (request.service.as_str(), request.action.as_str()) {
        ("elasticloadbalancing", "DescribeLoadBalancers") => ("LoadBalancers", 400, 400),
        ("elasticloadbalancing", "DescribeListeners") => ("Listeners", 400, 400),
        ("elasticloadbalancing", "DescribeRules") => ("Rules", 400, 400),
        ("elasticloadbalancing", "DescribeTargetGroups") => ("TargetGroups", 400, 400),
        ("ecs", "ListServices") => ("serviceArns", 10, 100),
        ("ecs", "ListClusters") => ("clusterArns", 100, 100),
        ("ecs", "ListTasks") => ("taskArns", 100, 100),
        ("ecs", "ListTaskDefinitions") => ("taskDefinitionArns", 100, 100),
        ("ecs", "ListServiceDeployments") => ("serviceDeployments", 20, 100),
        _ => return None,
    };
    Some(Paged { list, default, most })
}

/// The page that a call asks for, none where its answer has no pages. `most` makes pages smaller than AWS's.
pub(super) fn wanted(request: &Request, most: Option<usize>) -> Result<Option<Page>, ServiceError> {
    let Some(paged) = paged(request) else {
        return Ok(None);
    };
    let (marker, size) = if request.service == "ecs" {
        (
            request.json("nextToken").and_then(Value::as_str),
            request.json("maxResults").and_then(Value::as_u64).map(|size| size as usize),
        )
    } else {
        (request.query("Marker"), request.query("PageSize").and_then(|size| size.parse().ok()))
    };
    let first = match marker {
        None => 0,
        Some(marker) => marker.strip_prefix("page-").and_then(|first| first.parse().ok()).ok_or_else(|| {
            ServiceError::new(
                if request.service == "ecs" { "InvalidParameterException" } else { "ValidationError" },
                format!("'{marker}' is not a marker that a former answer held"),
            )
        })?,
    };
    let size = size.unwrap_or(paged.default).min(paged.most).min(most.unwrap_or(usize::MAX)).max(1);
    Ok(Some(Page { paged, first, size }))
}

impl Page {
    /// Cuts the page out of the whole answer.
    pub(super) fn cut(self, answer: Answer, request: &Request) -> Result<Answer> {
        let (parts, body) = answer.into_parts();
        let body = if request.service == "ecs" { self.cut_json(&body)? } else { self.cut_xml(&body)? };
        let mut answer = Response::from_parts(parts, Bytes::from(body));
        answer.headers_mut().remove(hyper::header::CONTENT_LENGTH);
        Ok(answer)
    }

    fn next(self, all: usize) -> Option<String> {
        let next = self.first + self.size;
        (next < all).then(|| format!("page-{next}"))
    }

    fn cut_json(self, body: &[u8]) -> Result<String> {
        let mut body: Value = serde_json::from_slice(body)?;
        let items = body[self.paged.list].as_array_mut().context("a list without items")?;
        let next = self.next(items.len());
        *items = items.drain(..).skip(self.first).take(self.size).collect();
        body["nextToken"] = next.into();
        Ok(body.to_string())
    }

    fn cut_xml(self, body: &[u8]) -> Result<String> {
        let body = std::str::from_utf8(body)?;
        let name = self.paged.list;
        let Some(xml::List { head, items, tail }) = xml::list(body, name)? else {
            return Ok(body.to_owned());
        };
        let (from, to) = (self.first.min(items.len()), (self.first + self.size).min(items.len()));
        let close = format!("</{name}>");
        let rest = tail.strip_prefix(close.as_str()).context("a list without its end")?;
        let next = self.next(items.len()).map(|next| format!("<NextMarker>{next}</NextMarker>")).unwrap_or_default();
        Ok(format!("{head}{}{close}{next}{rest}", items[from..to].concat()))
    }
}
