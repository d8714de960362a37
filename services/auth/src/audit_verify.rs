//! Checking the audit log: whether any row was changed, moved, removed or put in.
//!
//! The chain itself shows whatever somebody with only the database did, but for one thing: who removes the newest
//! rows and sets the head back leaves a shorter chain that holds. Against that helps a head that was noted
//! elsewhere, the [`AuditAnchor`].

use std::fmt;
use std::str::FromStr;

use outcrop_ports::{PortError, PortFailure};
use outcrop_types::{AuditFault, AuditHash, AuditRow, AuditSealer};

use crate::AuthService;

/// Rows read at once.
const PAGE: usize = 500;

/// Most faults that are told; more are only counted.
const MAX_FAULTS: usize = 1_000;

/// Number and hash of a row, to be kept where nobody with the database gets at it. Written `SEQ:HASH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditAnchor {
    /// The row's number.
    pub seq: u64,
    /// Its hash.
    pub hash: AuditHash,
}

/// A text that is no anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a head is a row's number, `:` and its hash in 64 hexadecimal digits, as `outcrop audit verify` prints it"
)]
pub struct MalformedAnchor;

/// Something that is not as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    /// A row does not read, or its hash does not fit.
    #[error("row {seq}: {fault}")]
    Row {
        /// Its number.
        seq: u64,
        /// What is wrong.
        fault: AuditFault,
    },
    /// There is a row before the first.
    #[error("row 0: rows are numbered from 1 on")]
    Zero,
    /// There is no row and no head, but an admin, and none is made without a row.
    #[error("the log is empty, but the platform was set up")]
    Empty,
    /// Rows are not there.
    #[error("{}", rows(*from, *to, "missing"))]
    Missing {
        /// The first of them.
        from: u64,
        /// The last of them.
        to: u64,
    },
    /// A row names another row before it than is there.
    #[error("row {seq}: it was written behind another row than stands before it now")]
    Link {
        /// Its number.
        seq: u64,
    },
    /// The store could not make a row of what it has.
    #[error("row {seq}, or the next one there is: it cannot be read; rows behind it were not checked")]
    Unreadable {
        /// Its number.
        seq: u64,
    },
    /// Rows at the end are gone.
    #[error("{}", rows(*from, *to, "missing at the end"))]
    Truncated {
        /// The first of them.
        from: u64,
        /// The last of them.
        to: u64,
    },
    /// The record of the last row's number and hash, which is kept apart, is of another row.
    #[error("the head, kept apart from the rows, is not that of row {seq}")]
    Head {
        /// The row it should be of.
        seq: u64,
    },
    /// The row of the anchor is not there, or is another.
    #[error("row {seq} is not the one whose hash was given as --head")]
    Anchor {
        /// Its number.
        seq: u64,
    },
}

/// What checking found.
#[derive(Debug, Clone, Default)]
pub struct ChainReport {
    /// How many rows there are.
    pub rows: u64,
    /// The last of them.
    pub head: Option<AuditAnchor>,
    /// What is wrong, in order; the first thousand.
    pub faults: Vec<ChainFault>,
    /// How many faults there are.
    pub fault_count: u64,
}

impl AuthService {
    /// Reads the whole audit log in its order and reports all that is not as it was written. With an anchor, the row
    /// it names must be there too.
    pub async fn verify_audit(&self, anchor: Option<AuditAnchor>) -> Result<ChainReport, PortError> {
        let audit = &self.ports().audit;
        // Before all else: whoever is set up by now is told of in what is read from here on.
        let set_up = self.ports().users.first_admin().await?.is_some();
        let head_before = audit.audit_head().await?;
        let mut walk = Walk::new(self.audit_sealer().clone(), anchor, set_up);
        loop {
            let rows = match audit.read_audit_chain(walk.last, PAGE).await {
                Err(error) if error.failure == PortFailure::Broken => {
                    walk.up_to_the_broken(self).await?;
                    break;
                }
                other => other?,
            };
            rows.iter().for_each(|row| walk.step(row, head_before));
            if rows.len() < PAGE {
                break;
            }
        }
        let head_after = audit.audit_head().await?;
        Ok(walk.end(head_before, head_after))
    }
}

/// Where a walk over the chain is.
struct Walk {
    sealer: AuditSealer,
    /// Whether there must be rows, and a head.
    set_up: bool,
    /// Not met yet.
    anchor: Option<AuditAnchor>,
    /// Number of the last row read.
    last: u64,
    /// Its hash, if that can be relied on.
    previous: Option<AuditHash>,
    /// Whether the row that was head at the beginning is there.
    head_met: bool,
    /// Whether the rest could be read.
    whole: bool,
    report: ChainReport,
}

impl Walk {
    fn new(sealer: AuditSealer, anchor: Option<AuditAnchor>, set_up: bool) -> Self {
        let (previous, report) = (Some(AuditHash::START), ChainReport::default());
        Self { sealer, set_up, anchor, last: 0, previous, head_met: false, whole: true, report }
    }

    fn step(&mut self, row: &AuditRow, head: Option<(u64, AuditHash)>) {
        self.report.rows += 1;
        if row.seq == 0 {
            return self.fault(ChainFault::Zero);
        }
        if row.seq > self.last + 1 {
            self.fault(ChainFault::Missing { from: self.last + 1, to: row.seq - 1 });
            self.previous = None;
        }
        let linked = self.previous.is_none_or(|hash| hash == row.previous);
        let fault = match row.read(&self.sealer) {
            Err(fault) => Some(ChainFault::Row { seq: row.seq, fault }),
            Ok(_) if !linked => Some(ChainFault::Link { seq: row.seq }),
            Ok(_) => None,
        };
        // What stands behind a row that was touched tells nothing new.
        self.previous = fault.is_none().then_some(row.hash);
        self.head_met |= head == Some((row.seq, row.hash));
        if let Some(fault) = fault {
            self.fault(fault);
        }
        if let Some(anchor) = self.anchor.take_if(|it| it.seq == row.seq)
            && (anchor.hash != row.hash || fault.is_some())
        {
            self.fault(ChainFault::Anchor { seq: row.seq });
        }
        self.last = row.seq;
        self.report.head = Some(AuditAnchor { seq: row.seq, hash: row.hash });
    }

    /// Reads the rows of a page that does not read as a whole, one by one, as far as it goes.
    async fn up_to_the_broken(&mut self, auth: &AuthService) -> Result<(), PortError> {
        // Rows that were read but are not left behind by their number, as number 0 is not.
        let mut met = 0;
        loop {
            match auth.ports().audit.read_audit_chain(self.last, met + 1).await {
                Ok(rows) => {
                    let Some(row) = rows.get(met) else { return Ok(()) };
                    self.step(row, None);
                    met = usize::from(row.seq == 0);
                }
                Err(error) if error.failure == PortFailure::Broken => {
                    self.fault(ChainFault::Unreadable { seq: self.last + 1 });
                    self.whole = false;
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Compares the end with the head that is kept apart, which may have moved on meanwhile.
    fn end(
        mut self,
        head_before: Option<(u64, AuditHash)>,
        head_after: Option<(u64, AuditHash)>,
    ) -> ChainReport {
        if self.whole {
            if let Some(anchor) = self.anchor.take() {
                self.fault(ChainFault::Anchor { seq: anchor.seq });
            }
            self.check_head(head_before, head_after);
        }
        self.report
    }

    fn check_head(&mut self, head_before: Option<(u64, AuditHash)>, head_after: Option<(u64, AuditHash)>) {
        if self.last == 0 && head_before.is_none() {
            if self.set_up {
                self.fault(ChainFault::Empty);
            }
            return;
        }
        let before = head_before.map_or(0, |(seq, _)| seq);
        if before > self.last {
            self.fault(ChainFault::Truncated { from: self.last + 1, to: before });
            return;
        }
        let grew = head_after.map(|(seq, _)| seq) > head_before.map(|(seq, _)| seq);
        let at_head = before == self.last || grew;
        let met = self.head_met || (head_before.is_none() && !self.set_up);
        if !(at_head && met) {
            self.fault(ChainFault::Head { seq: self.last });
        }
    }

    fn fault(&mut self, fault: ChainFault) {
        self.report.fault_count += 1;
        if self.report.faults.len() < MAX_FAULTS {
            self.report.faults.push(fault);
        }
    }
}

impl ChainFault {
    /// The number of the row it is about; the first one where it is about several.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        match self {
            Self::Zero => 0,
            Self::Empty => 1,
            Self::Row { seq, .. }
            | Self::Link { seq }
            | Self::Unreadable { seq }
            | Self::Head { seq }
            | Self::Anchor { seq } => *seq,
            Self::Missing { from, .. } | Self::Truncated { from, .. } => *from,
        }
    }
}

impl fmt::Display for AuditAnchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

impl FromStr for AuditAnchor {
    type Err = MalformedAnchor;

    fn from_str(text: &str) -> Result<Self, MalformedAnchor> {
        let (seq, hex) = text.trim().split_once(':').ok_or(MalformedAnchor)?;
        let seq = seq.parse().map_err(|_| MalformedAnchor)?;
        if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(MalformedAnchor);
        }
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).map_err(|_| MalformedAnchor)?;
        }
        Ok(Self { seq, hash: AuditHash::from_bytes(bytes) })
    }
}

fn rows(from: u64, to: u64, what: &str) -> String {
    if from == to { format!("row {from} is {what}") } else { format!("rows {from} to {to} are {what}") }
}
