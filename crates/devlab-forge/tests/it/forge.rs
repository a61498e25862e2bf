//! Patches on plain git.

use devlab_forge::Error;
use devlab_forge::forge::{Forge, GitForge, PatchSpec, Verdict};

use crate::support::{Lab, name};

#[tokio::test]
async fn a_patch_is_put_updated_and_merged() {
    let (lab, base) = Lab::with(&[("a", "1\n")]).await;
    let head = lab.commit(&[&base], &[("b", "b\n")]).await;
    let moved = lab.commit(&[&base], &[("z", "z\n")]).await;
    let forge: &dyn Forge = &GitForge;
    assert_eq!(forge.kind(), "git");
    let spec = PatchSpec {
        id: "patch_1".into(),
        title: "t".into(),
        description: String::new(),
        base: moved,
        head: head.clone(),
    };
    let view = forge.put(&lab.repo, &spec).await.unwrap();
    assert_eq!(view.head_ref, name("refs/devlab/patches/patch_1/head"));
    assert_eq!((view.merge_base, view.commits.len()), (base.clone(), 1));
    assert_eq!(
        view.stat
            .iter()
            .map(|s| s.path.as_str())
            .collect::<Vec<_>>(),
        ["b"]
    );
    let next = lab.commit(&[&head], &[("b", "b2\n")]).await;
    let view = forge
        .put(
            &lab.repo,
            &PatchSpec {
                head: next.clone(),
                ..spec.clone()
            },
        )
        .await
        .unwrap();
    assert_eq!(view.commits.len(), 2);
    assert_eq!(
        lab.repo.resolve(&view.head_ref).await.unwrap(),
        Some(next.clone())
    );
    forge
        .comment(&lab.repo, "patch_1", "ada", "hm")
        .await
        .unwrap();
    forge
        .review(&lab.repo, "patch_1", "ada", &next, Verdict::Accept)
        .await
        .unwrap();
    forge.merged(&lab.repo, "patch_1", &next).await.unwrap();
    forge.merged(&lab.repo, "patch_1", &next).await.unwrap();
    assert_eq!(
        lab.repo
            .resolve(&name("refs/devlab/patches/patch_1/merge"))
            .await
            .unwrap(),
        Some(next)
    );
    forge.closed(&lab.repo, "patch_1").await.unwrap();
    for bad in ["", "../x", "a/b", "a b"] {
        let refused = forge
            .put(
                &lab.repo,
                &PatchSpec {
                    id: bad.into(),
                    ..spec.clone()
                },
            )
            .await;
        assert!(matches!(refused, Err(Error::Invalid { .. })), "{bad}");
    }
}
