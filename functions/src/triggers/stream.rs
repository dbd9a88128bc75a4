//! Functions invoked by changes of a `DynamoDB` table, through an event source mapping of its stream.
//!
//! A stream record says which item changed, never how: the streams contain only keys. A handler therefore reads the current
//! state, and a record that arrives twice, late or out of order does no harm.

use std::fmt::Debug;
use std::future::Future;

use lambda_runtime::Error;
use serde::{Deserialize, Serialize};

use crate::dependencies::FromDependencies;

/// A function that changes of tables invoke.
pub trait StreamHandler: FromDependencies + Send + Sync {
    /// The summary of a batch, which is written to the log.
    type Report: Debug + Serialize + Send;

    /// Handles a batch. The response names the first failed record, from which the stream is delivered again.
    ///
    /// An error means that the first record failed. Lambda then delivers each half of the batch on its own until the failing
    /// record is alone; a response that names the first record would only repeat the batch.
    fn handle(
        &self,
        event: StreamEvent,
    ) -> impl Future<Output = Result<(BatchResponse, Self::Report), Error>> + Send;
}

/// A batch of records of one shard of a stream, in their order, as Lambda delivers it (AWS Lambda, "Using AWS Lambda with
/// Amazon `DynamoDB`"). Fields that no function reads are left out, and missing ones are empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamEvent {
    /// The records.
    #[serde(rename = "Records")]
    pub records: Vec<StreamRecord>,
}

/// A change of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamRecord {
    #[serde(default)]
    dynamodb: Change,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Change {
    keys: Keys,
    sequence_number: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Keys {
    pk: Text,
    #[serde(skip_serializing_if = "Option::is_none")]
    sk: Option<Text>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Text {
    #[serde(rename = "S")]
    text: String,
}

impl StreamRecord {
    /// Creates the record of a change with this sequence number, of the item with this partition key and sort key.
    pub fn new(sequence_number: &str, pk: &str, sk: Option<&str>) -> Self {
        let text = |text: &str| Text { text: text.to_owned() };
        let keys = Keys { pk: text(pk), sk: sk.map(text) };
        Self { dynamodb: Change { keys, sequence_number: sequence_number.to_owned() } }
    }

    /// Returns the position of the record in its shard.
    pub fn sequence_number(&self) -> &str {
        &self.dynamodb.sequence_number
    }

    /// Returns the partition key of the item.
    pub fn pk(&self) -> &str {
        &self.dynamodb.keys.pk.text
    }

    /// Returns the sort key of the item. `None` if the table has none.
    pub fn sk(&self) -> Option<&str> {
        self.dynamodb.keys.sk.as_ref().map(|sk| sk.text.as_str())
    }
}

/// The response to a batch (`ReportBatchItemFailures`). Lambda delivers the record with the lowest sequence number and all
/// later ones again. Without failures the batch is done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    /// The failed records.
    pub batch_item_failures: Vec<BatchItemFailure>,
}

/// A failed record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchItemFailure {
    /// The sequence number of the record.
    pub item_identifier: String,
}

impl BatchResponse {
    /// Creates the response to a batch. `failed` is the first failed record.
    pub fn new(failed: Option<&StreamRecord>) -> Self {
        let failure = |record: &StreamRecord| BatchItemFailure {
            item_identifier: record.sequence_number().to_owned(),
        };
        Self { batch_item_failures: failed.map(failure).into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn stream_event_is_read_as_lambda_sends_it() {
        let event = json!({"Records": [{
            "eventID": "c4ca4238a0b923820dcc509a6f75849b",
            "eventName": "INSERT",
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": "us-east-1",
            "dynamodb": {
                "ApproximateCreationDateTime": 1_792_002_005.0,
                "Keys": {"pk": {"S": "USER#u"}, "sk": {"S": "LIKE#f"}},
                "SequenceNumber": "4421584500000000017450439091",
                "SizeBytes": 96,
                "StreamViewType": "KEYS_ONLY",
            },
            "eventSourceARN": "arn:aws:dynamodb:us-east-1:123456789012:table/likes/stream/2026-11-27T00:00:00.000",
        }]});
        let event: StreamEvent = serde_json::from_value(event).unwrap();
        let record = StreamRecord::new("4421584500000000017450439091", "USER#u", Some("LIKE#f"));
        assert_eq!(event.records, [record]);
    }

    #[test]
    fn missing_fields_are_empty() {
        for (record, expected) in [
            (json!({}), ("", "", None)),
            (json!({"dynamodb": {"Keys": {}, "SequenceNumber": "1"}}), ("1", "", None)),
            (
                json!({"dynamodb": {"Keys": {"pk": {"N": "7"}, "sk": {"B": ""}}}}),
                ("", "", Some("")),
            ),
        ] {
            let record: StreamRecord = serde_json::from_value(record).unwrap();
            assert_eq!((record.sequence_number(), record.pk(), record.sk()), expected);
        }
    }

    #[test]
    fn response_names_the_first_failed_record() {
        let response = |failed| -> Value { json!(BatchResponse::new(failed)) };
        assert_eq!(response(None), json!({"batchItemFailures": []}));
        let record = StreamRecord::new("17", "FOOD#f", None);
        let expected = json!({"batchItemFailures": [{"itemIdentifier": "17"}]});
        assert_eq!(response(Some(&record)), expected);
    }
}
