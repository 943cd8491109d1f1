use tasker_core::orchestration::{NewKey, Permission, Permissions};

use crate::bench::{Bench, everywhere};

fn key(verbs: &[Permission], namespaces: &[&str]) -> NewKey {
    let permissions = Permissions {
        verbs: verbs.iter().copied().collect(),
        namespaces: namespaces.iter().map(ToString::to_string).collect(),
    };
    NewKey { name: "deploy".to_owned(), permissions, lifetime_ms: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_until_it_is_revoked_or_expires() {
    everywhere("keys", async |bench: Bench| {
        let engine = &bench.engine;
        let created = engine.create_key(key(&[Permission::Work], &[]), Some("ann".to_owned())).await.unwrap();
        assert!(created.secret.starts_with(&created.key.prefix) && created.secret.len() > 60);
        let found = engine.authenticate(&created.secret).await.unwrap().unwrap();
        assert_eq!((found.key_id, found.permissions), (created.key.key_id, created.key.permissions));
        assert_eq!(engine.authenticate("tsk_guess").await.unwrap(), None);
        let listed = serde_json::to_string(&engine.keys().await.unwrap()).unwrap();
        assert!(listed.contains(&created.key.prefix) && !listed.contains(&created.secret), "the secret is shown once");
        engine.revoke_key(created.key.key_id, Some("bob")).await.unwrap();
        assert_eq!(engine.authenticate(&created.secret).await.unwrap(), None);
        assert_eq!(engine.revoke_key(created.key.key_id, None).await.unwrap_err().code(), "key_not_found");
        let short = NewKey { lifetime_ms: Some(0), ..key(&[Permission::Read], &[]) };
        let expired = engine.create_key(short, None).await.unwrap();
        assert_eq!(engine.authenticate(&expired.secret).await.unwrap(), None);
        assert_eq!(engine.create_key(key(&[], &[]), None).await.unwrap_err().code(), "field_invalid");
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
