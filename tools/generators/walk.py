"""Registers, logs in, asks, follows and lists with the client of openapi-python-client."""

import os

from generated.api.auth import log_in
from generated.api.questions import ask_question, follow_answer
from generated.api.users import list_questions, register_user
from generated.client import AuthenticatedClient, Client
from generated.models import AskBody, Login, NewUser, Problem, ProblemCode

URL, EMAIL, PASSWORD = os.environ["ASKCLI"], "ada@python.example", "engine of analysis"

with Client(URL) as client:
    registered = register_user.sync(client=client, body=NewUser("Ada", EMAIL, PASSWORD))
    assert not isinstance(registered, Problem), registered
    refused = log_in.sync(client=client, body=Login(EMAIL, "wrong"))
    assert isinstance(refused, Problem)
    assert refused.code is ProblemCode.INVALID_CREDENTIALS
    tokens = log_in.sync(client=client, body=Login(EMAIL, PASSWORD))
with AuthenticatedClient(URL, tokens.access_token) as client:
    question = ask_question.sync(client=client, body=AskBody("Why is the sky blue?"))
    assert question.status == "answered", question
    assert question.created_at.tzinfo is not None
    assert "event: done" in follow_answer.sync(question.id, client=client)
    page = list_questions.sync("me", client=client)
    assert [item.id for item in page.items] == [question.id]
print("openapi-python-client: walked")
