//! Tokens.

use devlab_api::token::{CreateToken, Token};
use serde_json::json;

use super::{all, find};
use crate::args::{Output, TokenCommand};
use crate::context::Context;
use crate::failure::Failure;
use crate::show::{self, time};

/// `devlab token`.
pub(crate) async fn run(context: &Context, command: TokenCommand) -> anyhow::Result<()> {
    let client = context.client()?;
    match command {
        TokenCommand::List { org, paging } => {
            let list = async |page| client.tokens(org.as_deref(), &page).await;
            let tokens = all(paging.limit, list).await?;
            let columns = ["id", "role", "org", "state", "note"];
            show::list(context.output, &tokens, &columns, |token| {
                vec![
                    token.id.to_string(),
                    token.role.as_str().to_owned(),
                    token
                        .org
                        .map_or_else(|| "all".to_owned(), |org| org.to_string()),
                    state(context, token),
                    token.note.clone(),
                ]
            })
        }
        TokenCommand::Create {
            role,
            org,
            note,
            expires,
        } => {
            let wrong = || Failure::usage("--expires is a time such as 90d, 12h or 30m");
            let expires = expires
                .map(|text| time::parse(&text).ok_or_else(wrong))
                .transpose()?;
            let new = CreateToken {
                role,
                org,
                note,
                expires_in_secs: expires.map(|expires| expires.as_secs()),
            };
            let made = client.create_token(&new).await?;
            if context.output == Output::Json {
                return show::json(&made);
            }
            show::note(&format!(
                "{} is made; its secret is shown this once:",
                made.token.id
            ));
            show::line(&made.secret)
        }
        TokenCommand::Revoke(named) => {
            let id = find::token(&client, &named.name).await?;
            client.revoke_token(id).await?;
            show::note(&format!("{id} is revoked"));
            show::done(context.output, &json!({ "id": id, "revoked": true }))
        }
    }
}

fn state(context: &Context, token: &Token) -> String {
    match (token.revoked_at, token.expires_at) {
        (Some(at), _) => format!("revoked {}", time::ago(context.now(), at)),
        (None, Some(at)) if at <= context.now() => "over".to_owned(),
        (None, Some(at)) => format!("ends {}", time::until(context.now(), at)),
        (None, None) => "good".to_owned(),
    }
}
