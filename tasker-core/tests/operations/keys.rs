use tasker_core::{
    model::Actor,
    orchestration::{NewKey, Permission, Permissions},
};

use crate::bench::{Bench, everywhere};

fn key(verbs: &[Permission], namespaces: &[&str]) -> NewKey {
    let permissions = Permissions {
        verbs: verbs.iter().copied().collect(),
        namespaces: namespaces.iter().map(ToString::to_string).collect(),
    };
    NewKey { name: "deploy".to_owned(), permissions, lifetime_ms: None, by: None, reason: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_until_it_is_revoked_or_expires() {
    everywhere("keys", async |bench: Bench| {
        let engine = &bench.engine;
        let (by, reason) = (Some("ann".to_owned()), Some("for the pipeline".to_owned()));
        let by_ann = NewKey { by, reason, ..key(&[Permission::Work], &[]) };
        let created = engine.create_key(by_ann).await.unwrap();
        assert!(created.secret.starts_with(&created.key.prefix) && created.secret.len() > 60);
        let found = engine.authenticate(&created.secret).await.unwrap().unwrap();
        assert_eq!((found.key_id, found.permissions), (created.key.key_id, created.key.permissions));
        assert_eq!(engine.authenticate("tsk_guess").await.unwrap(), None);
        let listed = serde_json::to_string(&engine.keys().await.unwrap()).unwrap();
        assert!(listed.contains(&created.key.prefix) && !listed.contains(&created.secret), "the secret is shown once");
        let bob = Actor::named("bob").because("it was lost");
        engine.revoke_key(created.key.key_id, &bob).await.unwrap();
        let ended = engine.keys().await.unwrap().remove(0);
        assert_eq!(
            [ended.created_by, ended.created_because, ended.revoked_by, ended.revoked_because],
            ["ann", "for the pipeline", "bob", "it was lost"].map(|text| Some(text.to_owned()))
        );
        assert_eq!(engine.authenticate(&created.secret).await.unwrap(), None);
        assert_eq!(engine.revoke_key(created.key.key_id, &Actor::default()).await.unwrap_err().code(), "key_not_found");
        let short = NewKey { lifetime_ms: Some(0), ..key(&[Permission::Read], &[]) };
        let expired = engine.create_key(short).await.unwrap();
        assert_eq!(engine.authenticate(&expired.secret).await.unwrap(), None);
        assert_eq!(engine.create_key(key(&[], &[])).await.unwrap_err().code(), "field_invalid");
    })
    .await;
}

#[test]
fn permissions_reach_as_far_as_their_namespaces() {
    use Permission::{Admin, Operate, Read, ReadPayloads};
    let allow = |verbs: &[Permission], namespaces: &[&str], verb, namespace| {
        key(verbs, namespaces).permissions.allow(verb, namespace)
    };
    assert!(allow(&[Read], &["shop"], Read, Some("shop")));
    assert!(!allow(&[Read], &["shop"], Read, Some("bank")));
    assert!(!allow(&[Read], &["shop"], Read, None), "what is about all namespaces needs all of them");
    assert!(allow(&[Read], &[], Read, None));
    assert!(!allow(&[Read], &[], ReadPayloads, Some("shop")), "payloads are apart");
    assert!(!allow(&[Read], &[], Operate, Some("shop")));
    assert!(allow(&[Admin], &["shop"], Operate, Some("bank")));
}
