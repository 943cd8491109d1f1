/// What has come of a stream of server-sent events, cut into events. Bounded: an event that is too long is an error.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    /// Bytes of a line that has not ended.
    line: Vec<u8>,
    data: String,
    has_data: bool,
    /// Whether the last line ended in a carriage return, whose line feed may be still to come.
    ended_in_cr: bool,
}

/// Bytes of one event: its payloads, and what surrounds them.
const EVENT_BYTES: usize = 16 * 1024 * 1024;

impl Decoder {
    /// The data of the events that these bytes complete.
    ///
    /// # Errors
    /// A text for people when an event is too long, or is not text.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<String>, String> {
        let mut events = Vec::new();
        for byte in bytes {
            let follows_cr = std::mem::take(&mut self.ended_in_cr);
            match byte {
                b'\n' if follows_cr => {}
                b'\r' | b'\n' => {
                    self.ended_in_cr = *byte == b'\r';
                    events.extend(self.end_line()?);
                }
                byte => self.line.push(*byte),
            }
            if self.line.len() + self.data.len() > EVENT_BYTES {
                return Err(format!("an event has more than {EVENT_BYTES} bytes"));
            }
        }
        Ok(events)
    }

    fn end_line(&mut self) -> Result<Option<String>, String> {
        let line = String::from_utf8(std::mem::take(&mut self.line)).map_err(|error| error.to_string())?;
        if line.is_empty() {
            let data = std::mem::take(&mut self.data);
            return Ok(std::mem::take(&mut self.has_data).then_some(data));
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        // Comments have an empty field; numbers and types are in the data too.
        if field == "data" {
            if self.has_data {
                self.data.push('\n');
            }
            self.data.push_str(value.strip_prefix(' ').unwrap_or(value));
            self.has_data = true;
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str =
        ": heartbeat\n\nid: 1\nevent: a\ndata: {\"a\":1}\n\nretry: 9\r\ndata:one\r\ndata: two\r\n\r\ndata\r\rid: 3\n\n";

    #[test]
    fn a_stream_is_cut_alike_wherever_its_bytes_are_split() {
        let expected = ["{\"a\":1}", "one\ntwo", ""];
        assert_eq!(Decoder::default().push(STREAM.as_bytes()).expect("text"), expected);
        for at in 0..STREAM.len() {
            let (front, back) = STREAM.as_bytes().split_at(at);
            let mut decoder = Decoder::default();
            let mut events = decoder.push(front).expect("text");
            events.extend(decoder.push(back).expect("text"));
            assert_eq!(events, expected, "split at {at}");
        }
    }

    #[test]
    fn an_event_without_end_is_refused() {
        let mut decoder = Decoder::default();
        assert!(decoder.push(b"data: ").is_ok());
        let chunk = vec![b'a'; 1024 * 1024];
        assert!((0..17).any(|_| decoder.push(&chunk).is_err()));
        assert!(Decoder::default().push(b"data: \xff\n\n").is_err());
    }
}
