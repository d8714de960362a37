//! From the name that a client asks for to the models and places that may answer it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use outcrop_chat::{Block, OutputFormat, ReasoningMode, Request, ToolResultBlock};
use outcrop_ports::{Modality, ResolvedModel};
use outcrop_types::{Bounds, Capability, PriceTier, Principal, TeamId};
use outcrop_wire::anthropic::invoke;
use outcrop_wire::skim::{Skim, skim};

use crate::batch::Batching;
use crate::chat::{AskedModel, shown};
use crate::metering::{estimate_input, price_tier};
use crate::policies::{Book, Named};
use crate::prepare::conversation;
use crate::routing::{Asks, profile_region};
use crate::tags::Tags;
use crate::{ChatError, InferenceService, access};

/// Longest that a request waits for what is behind the profiles of its route.
const LEARN_WITHIN: Duration = Duration::from_secs(2);

/// What a request asks of the model that is to answer it, as far as that decides where it goes.
#[derive(Debug, Clone)]
pub(crate) struct Wants {
    /// The name of the model; `None` asks for the default one.
    pub(crate) asked: Option<String>,
    /// What it must write.
    pub(crate) output: Modality,
    /// About how many tokens it reads.
    pub(crate) input_tokens: u64,
    /// How many tokens it may write, as far as the client says.
    pub(crate) output_tokens: Option<u32>,
    pub(crate) tier: PriceTier,
    pub(crate) uses: Vec<Capability>,
    /// What the request says of itself.
    pub(crate) tags: BTreeMap<String, String>,
    /// The number of the conversation, if something of it is to be found in a prompt cache again.
    pub(crate) conversation: Option<u64>,
}

impl Wants {
    /// A model by its name, and nothing else of it.
    pub(crate) fn named(asked: Option<String>, output: Modality) -> Self {
        Self {
            asked,
            output,
            input_tokens: 0,
            output_tokens: None,
            tier: PriceTier::Standard,
            uses: Vec::new(),
            tags: BTreeMap::new(),
            conversation: None,
        }
    }

    /// The same with so many tokens to read.
    pub(crate) fn reading(self, input_tokens: u64) -> Self {
        Self { input_tokens, ..self }
    }

    /// A chat whose body is read once it is known who answers it: by what it looks like.
    pub(crate) fn of_body(asked: Option<String>, body: &[u8], stream: bool) -> Self {
        let Skim { tools, images, documents, reasoning, schema } = skim(body);
        let seen = [
            (tools, Capability::Tools),
            (images, Capability::Images),
            (documents, Capability::Documents),
            (reasoning, Capability::Reasoning),
            (schema, Capability::StructuredOutput),
            (stream, Capability::Streaming),
        ];
        Self {
            input_tokens: invoke::weigh(body),
            output_tokens: invoke::max_tokens(body),
            uses: seen.into_iter().filter(|(seen, _)| *seen).map(|(_, capability)| capability).collect(),
            ..Self::named(asked, Modality::Text)
        }
    }

    /// With what the request says of itself.
    pub(crate) fn tagged(self, tags: &Tags, metadata: &BTreeMap<String, String>) -> Self {
        Self { tags: tags.all(metadata), ..self }
    }

    /// With the number of its conversation.
    pub(crate) fn within(self, conversation: Option<u64>) -> Self {
        Self { conversation, ..self }
    }
}

impl InferenceService {
    /// What a chat asks of its model.
    pub(crate) fn wants(
        &self,
        team: TeamId,
        asked: Option<String>,
        request: &Request,
        (tags, stream): (&Tags, bool),
    ) -> Wants {
        let mut uses = uses(request);
        if stream {
            uses.push(Capability::Streaming);
        }
        Wants {
            input_tokens: estimate_input(request),
            output_tokens: request.inference.max_tokens,
            tier: price_tier(request.service_tier),
            uses,
            tags: tags.all(&request.metadata),
            conversation: conversation(team, request, self.prompt_cache_rule_of(team, asked.as_deref())),
            ..Wants::named(asked, Modality::Text)
        }
    }

    /// The models and places that may answer a request of this principal, of which the first is what the request is made
    /// ready for.
    ///
    /// Bedrock is asked only for ARNs that the catalogue does not know yet, and that the principal's scope covers: their
    /// text alone decides, whatever is behind them.
    pub(crate) async fn resolve(&self, principal: &Principal, wants: Wants) -> Result<AskedModel, ChatError> {
        // A client that must send some name, and has none, sends an empty one.
        let asked = wants.asked.as_deref().filter(|name| !name.is_empty());
        if let Some(arn) = asked.filter(|it| it.starts_with("arn:")) {
            self.learn(principal, arn, wants.output).await?;
        }
        if let Some(name) = asked {
            self.learn_targets(principal.team, name, wants.output).await;
        }
        let book = self.inner().policies.book().await?;
        let asks = Asks {
            team: principal.team,
            asked,
            output: wants.output,
            input_tokens: wants.input_tokens,
            output_tokens: wants.output_tokens,
            tier: wants.tier,
            uses: &wants.uses,
            tags: &wants.tags,
            conversation: wants.conversation,
        };
        let made = self.batching().is_some_and(Batching::is_made);
        let allowed = |model: &ResolvedModel| {
            if made { Ok(Bounds::default()) } else { allowed(&book, principal, asked, model) }
        };
        let plan = self.inner().router.plan(&asks, &allowed)?;
        let model = plan.candidates().first().map(|it| it.model.clone()).ok_or(ChatError::NoModel)?;
        let asked = asked.map_or_else(|| model.info.id.clone(), str::to_owned);
        Ok(AskedModel { asked, model, plan: Arc::new(plan) })
    }

    /// Has the catalogue ask Bedrock for an ARN that it does not know.
    async fn learn(&self, principal: &Principal, arn: &str, output: Modality) -> Result<(), ChatError> {
        let catalog = &self.inner().catalog;
        if catalog.resolve_for(Some(arn), output).is_some() {
            return Ok(());
        }
        if !principal.scope().allows_model([arn]) {
            return Err(ChatError::OutOfScope { model: shown(arn) });
        }
        catalog.discover(arn).await;
        Ok(())
    }
}

impl InferenceService {
    /// Has the catalogue ask Bedrock for the profiles of a route that it does not know: they are asked for in the
    /// background, and this one comes before that. Whoever wrote the route decided that they are asked for.
    async fn learn_targets(&self, team: TeamId, name: &str, output: Modality) {
        let (book, catalog) = (self.inner().routes.book(), &self.inner().catalog);
        let Some(route) = book.lookup(team, name) else { return };
        let unknown = |model: &str| {
            let region = profile_region(model)?;
            catalog.resolve_at(model, output, &region, &Bounds::default()).is_none().then_some(())
        };
        let targets = route.groups.iter().flat_map(|group| &group.targets);
        let unknown = targets.map(|it| it.model.as_str()).filter(|it| unknown(it).is_some());
        let asking = join_all(unknown.map(|arn| catalog.discover(arn)));
        // Other targets may be known.
        if tokio::time::timeout(LEARN_WITHIN, asking).await.is_err() {
            tracing::debug!("profiles of a route are not known yet");
        }
    }
}

/// Whether a principal may call a model by the name asked for, and within which bounds.
fn allowed(
    book: &Book,
    principal: &Principal,
    asked: Option<&str>,
    model: &ResolvedModel,
) -> Result<Bounds, ChatError> {
    let asked = asked.unwrap_or(&model.info.id);
    if !access::allows(principal.scope(), asked, model) {
        return Err(ChatError::OutOfScope { model: shown(asked) });
    }
    let named = Named { asked, model };
    match book.forbids(principal, named) {
        Some(level) => Err(ChatError::NotAllowed { model: shown(asked), level }),
        None => Ok(book.bounds(principal, named)),
    }
}

/// What a chat asks for that not every model can do.
fn uses(request: &Request) -> Vec<Capability> {
    let mut uses = Vec::new();
    if request.tools.is_some() {
        uses.push(Capability::Tools);
    }
    if request.reasoning.is_some_and(|mode| mode != ReasoningMode::Off) {
        uses.push(Capability::Reasoning);
    }
    if matches!(request.output, Some(OutputFormat::JsonSchema(_))) {
        uses.push(Capability::StructuredOutput);
    }
    let blocks = || request.messages.iter().flat_map(|message| &message.content);
    for (capability, has) in [
        (Capability::Images, has_image as fn(&Block) -> bool),
        (Capability::Documents, has_document),
        (Capability::Media, |block| matches!(block, Block::Video(_) | Block::Audio(_))),
    ] {
        if blocks().any(has) {
            uses.push(capability);
        }
    }
    uses
}

fn has_image(block: &Block) -> bool {
    match block {
        Block::Image(_) => true,
        Block::Link(link) => link.kind == outcrop_chat::LinkKind::Image,
        Block::ToolResult(result) => {
            result.content.iter().any(|part| matches!(part, ToolResultBlock::Image(_)))
        }
        _ => false,
    }
}

fn has_document(block: &Block) -> bool {
    match block {
        Block::Document(_) => true,
        Block::Link(link) => link.kind == outcrop_chat::LinkKind::Document,
        Block::ToolResult(result) => {
            result.content.iter().any(|part| matches!(part, ToolResultBlock::Document(_)))
        }
        _ => false,
    }
}
