"""``sentinel serve``: the HTTP service with its page."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cli import options
from cli.accounts import accounts, local_only
from cli.graph_access import Neo4j, Site
from cli.output import tell
from cli.reading import PSEUDONYM_KEY
from cli.wiring import wire
from domain.cards import DEFAULT_BUDGET
from domain.casework import Terms


def serve(
    db: Annotated[
        str,
        typer.Option(metavar="URL", help="Database: sqlite:///file.db or postgresql+psycopg://…"),
    ] = "sqlite:///sentinel.db",
    host: Annotated[
        str,
        typer.Option(help="Address to listen on; other than this machine's own with sign-in only."),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8080,
    model: options.Model = None,
    claim_model: Annotated[
        Path | None,
        typer.Option(
            help="Folder of a model of claims, or champion: scores of single claims, and rings."
        ),
    ] = None,
    rules: options.Rules = None,
    parameters: options.Parameters = None,
    reference: options.Reference = None,
    scheme: options.Schemes = None,
    curves: options.Curves = None,
    key: options.Key = PSEUDONYM_KEY,
    case_limit: Annotated[
        float,
        typer.Option(
            min=0,
            max=1e10,
            help="Yuan at stake or recovered above which a second person closes a case.",
        ),
    ] = 50_000,
    neo4j: Neo4j = None,
    site: Site = "main",
    graph: Annotated[
        bool, typer.Option(help="Answer questions to the entity graph; docs/graph.md.")
    ] = True,
    sign_in: Annotated[
        bool,
        typer.Option(
            "--sign-in/--no-sign-in",
            help="Ask for accounts (sentinel users). Without: whoever reaches the address may do everything, on this machine only.",
        ),
    ] = True,
    https: Annotated[
        bool,
        typer.Option(
            "--https",
            help="Browsers come by https through a proxy that does not say so: secure cookies.",
        ),
    ] = False,
    oidc: Annotated[
        Path | None,
        typer.Option(
            envvar="SENTINEL_OIDC_FILE", help="JSON file of an OpenID provider; docs/access.md."
        ),
    ] = None,
    cds_clients: Annotated[
        Path | None,
        typer.Option(
            envvar="SENTINEL_CDS_CLIENTS",
            help="JSON file of the record systems that may call CDS Hooks; docs/cds-hooks.md.",
        ),
    ] = None,
    card_budget: options.CardBudget = DEFAULT_BUDGET,
    per_second: Annotated[
        float, typer.Option(min=0.1, help="Requests a second of one account, in the long run.")
    ] = 30,
    public_url: Annotated[
        str,
        typer.Option(help="Address under which people reach the service, for links in webhooks."),
    ] = "",
    webhook_network: Annotated[
        list[str] | None,
        typer.Option(
            help="Own network that webhooks may be sent to, such as 10.20.0.0/16; repeatable."
        ),
    ] = None,
    allow_http: Annotated[
        bool,
        typer.Option(help="Webhooks by plain http too, to this machine alone: for trying out."),
    ] = False,
    wording: Annotated[
        Path | None,
        typer.Option(
            help="JSON file of a language model that words cards; docs/wording.md. Without: templates."
        ),
    ] = None,
    keep_identifiers: options.KeepIdentifiers = False,
    field_keys: options.FieldKeys = None,
) -> None:
    """Serve the API and the pages; print the address once it takes requests. Ctrl-C stops it."""
    import scoring_api  # noqa: PLC0415
    from cli.telling import telling  # noqa: PLC0415
    from scoring_api.repricing import Repricing  # noqa: PLC0415
    from store.access import Keyring  # noqa: PLC0415

    clients = None
    if cds_clients is not None:
        from scoring_api.cds import Clients  # noqa: PLC0415

        clients = Clients.load(cds_clients, address=public_url)
    access = None
    if sign_in:
        access = accounts(
            field_keys, oidc=oidc, https=https, per_second=per_second, clients=clients
        )
    else:
        local_only(host)

    wired = wire(
        db=db,
        model=model,
        rules_dir=rules,
        parameters=parameters,
        reference=reference,
        scheme=scheme or (),
        curves=curves,
        key=key,
        graph=graph,
        neo4j=neo4j,
        site=site,
        claim_model=claim_model,
        card_budget=card_budget,
        access=access,
        keep_identifiers=keep_identifiers,
        field_keys=field_keys,
        telling=telling(
            Keyring.find(field_keys),
            public_url=public_url,
            networks=webhook_network or (),
            allow_http=allow_http,
        ),
        case_terms=Terms(limit_fen=round(case_limit * 100)),
        address=public_url.rstrip("/") or (clients.address if clients else ""),
        origins=clients.origins if clients else (),
        wording=wording,
    )
    if sign_in and not wired.store.access.accounts.any():
        tell(
            "There is no account yet, so nobody can sign in. Make the first one: "
            "sentinel users add LOGIN --name NAME --role administrator --db …"
        )
    try:
        with Repricing(wired.store):
            scoring_api.run(wired.app, host, port, started=_announce)
    finally:
        wired.close()


def _announce(address: str) -> None:
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()
