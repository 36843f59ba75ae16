//! Pages: ministack answers lists whole, AWS in pages. Sources: the API references of Elastic Load Balancing (PageSize 1 to 400,
//! Marker, NextMarker) and of Amazon ECS (maxResults, nextToken). DescribeTags and DescribeTargetHealth have no pages.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use hyper::Response;
use quick_xml::events::Event;
use serde_json::Value;

use super::answer::{Answer, ServiceError};
use super::request::Request;

/// A list that comes in pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Paged {
    /// The element or field that holds the items.
    list: &'static str,
    /// What AWS answers in a page unless asked for less.
    default: usize,
}

/// What the caller wants of the list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    paged: Paged,
    first: usize,
    size: usize,
}

fn paged(request: &Request) -> Option<Paged> {
    let (list, default) = match (request.service.as_str(), request.action.as_str()) {
        ("elasticloadbalancing", "DescribeLoadBalancers") => ("LoadBalancers", 400),
        ("elasticloadbalancing", "DescribeListeners") => ("Listeners", 400),
        ("elasticloadbalancing", "DescribeRules") => ("Rules", 400),
        ("elasticloadbalancing", "DescribeTargetGroups") => ("TargetGroups", 400),
        ("ecs", "ListServices") => ("serviceArns", 10),
        ("ecs", "ListClusters") => ("clusterArns", 100),
        ("ecs", "ListTasks") => ("taskArns", 100),
        _ => return None,
    };
    Some(Paged { list, default })
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
    let size = size.unwrap_or(paged.default).min(paged.default).min(most.unwrap_or(usize::MAX)).max(1);
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
        let list = self.paged.list;
        let mut reader = quick_xml::Reader::from_str(body);
        // Where each item ends, and where the first begins.
        let (mut ends, mut depth, mut inside) = (Vec::new(), 0_usize, false);
        loop {
            match reader.read_event()? {
                Event::Start(tag) if !inside && tag.name().as_ref() == list => {
                    inside = true;
                    ends.push(reader.buffer_position() as usize);
                }
                Event::Start(_) if inside => depth += 1,
                Event::End(_) if inside && depth == 0 => break,
                Event::End(_) if inside => {
                    depth -= 1;
                    if depth == 0 {
                        ends.push(reader.buffer_position() as usize);
                    }
                }
                // An empty list: <Rules/>.
                Event::Empty(tag) if !inside && tag.name().as_ref() == list => return Ok(body.to_owned()),
                Event::Eof => bail!("an answer without {list}: {body}"),
                _ => {}
            }
        }
        let all = ends.len() - 1;
        let (from, to) = (self.first.min(all), (self.first + self.size).min(all));
        let close = format!("</{list}>");
        let tail = &body[ends[all] + close.len()..];
        let next = self.next(all).map(|next| format!("<NextMarker>{next}</NextMarker>")).unwrap_or_default();
        Ok(format!("{}{}{close}{next}{tail}", &body[..ends[0]], &body[ends[from]..ends[to]]))
    }
}
