//! Updates the data for recommendations after likes or foods changed; invoked by the streams of both tables.

use std::collections::BTreeSet;

use domain::clock::SystemClock;
use domain::id::{FoodId, InvalidId, UserId};
use domain::use_cases::{Change, UpdateReport, update_recommendations};
use infrastructure::dynamodb::{DynamoDbFoods, DynamoDbLikes};
use serde::Serialize;

use crate::Error;
use crate::error::error_chain;
use crate::triggers::{BatchResponse, StreamEvent, StreamHandler, StreamRecord};

crate::dependencies::function!(UpdateRecommendations {
    likes: DynamoDbLikes = consistent_likes,
    foods: DynamoDbFoods = foods,
});

impl StreamHandler for UpdateRecommendations {
    type Report = ReportBody;

    async fn handle(&self, event: StreamEvent) -> Result<(BatchResponse, ReportBody), Error> {
        let changes: Vec<_> = event.records.iter().map(change).collect();
        let known: Vec<_> = changes.iter().flatten().copied().collect();
        // Boxed: the compiler has a limit for the depth of nested future types.
        let report = Box::pin(update_recommendations(
            &self.likes,
            &self.likes,
            &self.foods,
            &SystemClock,
            &known,
        ));
        respond(&event.records, &changes, report.await)
    }
}

/// Returns the change of a like or a food. `None` for other items. A malformed key is logged and skipped, because it is
/// malformed again in each delivery.
fn change(record: &StreamRecord) -> Option<Change> {
    parse(record.pk(), record.sk()).unwrap_or_else(|_| {
        let sequence_number = record.sequence_number();
        tracing::warn!(sequence_number, "skipped a stream record with a malformed key");
        None
    })
}

fn parse(pk: &str, sk: Option<&str>) -> Result<Option<Change>, InvalidId> {
    let change = match (pk.split_once('#'), sk.map(|sk| sk.split_once('#'))) {
        (Some(("USER", user)), Some(Some(("LIKE", food)))) => {
            Change::Like { user: UserId::parse(user)?, food: FoodId::parse(food)? }
        }
        (Some(("FOOD", food)), None) => Change::Food(FoodId::parse(food)?),
        _ if pk.is_empty() => return Err(InvalidId),
        _ => return Ok(None),
    };
    Ok(Some(change))
}

/// Returns the response to a batch; an error if the first record failed.
fn respond(
    records: &[StreamRecord],
    changes: &[Option<Change>],
    report: UpdateReport,
) -> Result<(BatchResponse, ReportBody), Error> {
    let is_failed = |change: &Option<Change>| change.is_some_and(|it| report.failed.contains(&it));
    let first = changes.iter().position(is_failed);
    let distinct: BTreeSet<_> = changes.iter().flatten().collect();
    let body = ReportBody {
        records: records.len(),
        changes: distinct.len(),
        profiles: report.profiles,
        computed: report.computed,
        failed: report.failed.len(),
        error: report.errors.first().map(|error| error_chain(error)),
    };
    match (first, report.errors.into_iter().next()) {
        (Some(0), Some(error)) => Err(error.into()),
        (first, _) => Ok((BatchResponse::new(first.and_then(|first| records.get(first))), body)),
    }
}

/// The result of a batch, as written to the log.
#[derive(Debug, Serialize)]
pub struct ReportBody {
    /// Stream records of the batch.
    records: usize,
    /// Different likes and foods among them.
    changes: usize,
    /// Profiles that were written.
    profiles: u64,
    /// Neighbour lists that were computed.
    computed: u64,
    /// Changes to deliver again.
    failed: usize,
    /// Why the first of them failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[cfg(test)]
mod tests {
    use domain::storage::StorageError;

    use super::*;

    const USER: &str = "01990000-0000-7000-8000-00000000a001";
    const FOOD: &str = "01990000-0000-7000-8000-00000000f001";

    fn like(food: &str) -> StreamRecord {
        StreamRecord::new(food, &format!("USER#{USER}"), Some(&format!("LIKE#{food}")))
    }

    #[test]
    fn keys_of_likes_and_foods_are_changes_and_others_are_ignored() {
        let (user, food) = (UserId::parse(USER).unwrap(), FoodId::parse(FOOD).unwrap());
        let of_food = StreamRecord::new("1", &format!("FOOD#{FOOD}"), None);
        assert_eq!(change(&like(FOOD)), Some(Change::Like { user, food }));
        assert_eq!(change(&of_food), Some(Change::Food(food)));
        let (of_user, of_food) = (format!("USER#{USER}"), format!("FOOD#{FOOD}"));
        for (pk, sk) in [
            (of_food.as_str(), Some("COUNT#3")),
            (&of_food, Some("NEIGHBOURS")),
            (&of_user, Some("PROFILE")),
            ("TOP", Some("POPULAR")),
            ("MODEL", Some("PARAMETERS")),
            ("TITLE#soup", None),
            ("UPLOAD#1", None),
        ] {
            assert_eq!(parse(pk, sk), Ok(None), "{pk} {sk:?}");
        }
    }

    #[test]
    fn malformed_keys_are_skipped() {
        let of_user = format!("USER#{USER}");
        for (pk, sk) in [
            ("FOOD#", None),
            ("FOOD#7", None),
            ("USER#7", Some("LIKE#7")),
            (of_user.as_str(), Some("LIKE#")),
            ("", None),
        ] {
            assert_eq!(parse(pk, sk), Err(InvalidId), "{pk} {sk:?}");
            assert_eq!(change(&StreamRecord::new("1", pk, sk)), None);
        }
    }

    fn response(failed: &[usize]) -> Result<(BatchResponse, ReportBody), Error> {
        let ids = ["01", "02", "03"].map(|end| format!("{}{end}", &FOOD[..34]));
        let mut records: Vec<_> = ids.iter().map(|id| like(id)).collect();
        // A repeated record, and one that is ignored.
        records.insert(1, records[0].clone());
        records.push(StreamRecord::new("9", "TITLE#soup", None));
        let changes: Vec<_> = records.iter().map(change).collect();
        let failed: BTreeSet<_> = failed.iter().filter_map(|at| changes[*at]).collect();
        let errors = failed.iter().map(|_| StorageError::Unavailable("down".into())).collect();
        let report = UpdateReport { failed, errors, profiles: 1, computed: 2 };
        respond(&records, &changes, report)
    }

    #[test]
    fn response_names_the_first_failed_record_of_a_batch() {
        let (done, report) = response(&[]).unwrap();
        assert_eq!(done, BatchResponse::default());
        assert_eq!((report.records, report.changes, report.failed), (5, 3, 0));
        assert_eq!(report.error, None);
        let (failed, report) = response(&[3, 2]).unwrap();
        assert_eq!(failed.batch_item_failures.len(), 1);
        let first = &failed.batch_item_failures[0].item_identifier;
        assert_eq!(*first, format!("{}02", &FOOD[..34]));
        assert_eq!(report.failed, 2);
        assert!(report.error.unwrap().contains("down"));
    }

    #[test]
    fn failure_of_the_first_record_is_an_error() {
        for failed in [&[0][..], &[0, 2], &[0, 2, 3]] {
            let error = response(failed).unwrap_err();
            assert!(error_chain(error.as_ref()).contains("down"));
        }
    }
}
