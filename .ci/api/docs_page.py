"""Tests GET /docs in a browser; started by .ci/docs-page with the URL of the API."""

import argparse
import json
import sys
import tempfile
import urllib.request
from pathlib import Path

from local_api import PASSWORD, ROOT, operations
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

TIMEOUT_SECONDS = 30


class Page:
    def __init__(self, browser):
        self.browser = browser

    def until(self, condition):
        return WebDriverWait(self.browser, TIMEOUT_SECONDS).until(lambda _: condition())

    def find(self, css, within=None):
        return self.until(lambda: next(iter((within or self.browser).find_elements(By.CSS_SELECTOR, css)), None))

    def click(self, element):
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        self.until(lambda: element.is_displayed() and element.is_enabled())
        self.browser.execute_script("arguments[0].click()", element)

    def write(self, element, text):
        """Replaces the text of a field and leaves the field, so that Swagger UI uses the text."""
        element.clear()
        element.send_keys(text, Keys.TAB)

    def operation(self, name):
        """Expands the block of an operation and returns it."""
        block = self.find(f"[id$='-{name}'].opblock")
        if "is-open" not in block.get_attribute("class"):
            self.click(self.find(".opblock-summary-control", block))
        self.find(".opblock-body", block)
        return block

    def execute(self, block):
        """Sends the request and returns status and body of the response."""
        self.click(self.find("button.execute", block))
        status = self.find(".live-responses-table tbody .response-col_status", block)
        self.until(lambda: status.text.strip()[:3].isdigit())
        body = self.find(".live-responses-table tbody .response-col_description", block)
        return int(status.text.strip()[:3]), body.text


def documented_operations(url):
    with urllib.request.urlopen(f"{url}/openapi.json") as response:
        return operations(json.load(response))


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("url")
    arguments.add_argument("--screenshot", type=Path)
    arguments = arguments.parse_args()
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for option in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--window-size=1280,1400", "--hide-scrollbars",
    ):
        options.add_argument(option)
    with tempfile.TemporaryDirectory() as profile:
        options.add_argument(f"--user-data-dir={profile}")
        browser = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))
        try:
            check(Page(browser), arguments)
        finally:
            browser.quit()


def check(page, arguments):
    page.browser.get(f"{arguments.url}/docs")
    page.find(".opblock")
    shown = {
        (block.find_element(By.CSS_SELECTOR, ".opblock-summary-method").text,
         block.find_element(By.CSS_SELECTOR, ".opblock-summary-path").get_attribute("data-path"))
        for block in page.browser.find_elements(By.CSS_SELECTOR, ".opblock")
    }
    documented = documented_operations(arguments.url)
    assert shown == documented, shown ^ documented

    login = page.operation("login")
    body = json.dumps({"email": "ada@example.com", "password": PASSWORD})
    page.write(page.find("textarea.body-param__text", login), body)
    status, response = page.execute(login)
    assert status == 200, (status, response)
    session = page.browser.execute_async_script(
        "const done = arguments[1]; fetch('login', {method: 'POST', body: arguments[0]}).then(r => r.json()).then(done)", body
    )

    page.click(page.find("button.authorize"))
    page.write(page.find(".auth-container input"), session["access_token"])
    page.click(page.find(".auth-btn-wrapper button.authorize"))
    page.click(page.find(".auth-btn-wrapper button.btn-done"))
    status, response = page.execute(page.operation("list_sessions"))
    assert status == 200 and '"current": true' in response, (status, response)

    create = page.operation("create_food")
    fields = {
        row.get_attribute("data-property-name"): row
        for row in page.until(lambda: create.find_elements(By.CSS_SELECTOR, "[data-property-name]"))
    }
    for name, text in (("title", "Party rice"), ("description", "Smoky, with <b>plantain</b>")):
        page.write(fields[name].find_element(By.CSS_SELECTOR, "textarea, input"), text)
    fields["food_image"].find_element(By.CSS_SELECTOR, "input[type=file]").send_keys(str(ROOT / "scripts/dish.jpg"))
    status, response = page.execute(create)
    assert status == 201, (status, response)
    image = page.find("#image:not([hidden]) img")
    page.until(lambda: page.browser.execute_script("return arguments[0].naturalWidth", image) == 1280)

    messages = [entry["message"] for entry in page.browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    assert not messages, messages
    if arguments.screenshot:
        page.browser.execute_script("document.querySelector('#operations-tag-Foods').scrollIntoView()")
        page.browser.save_screenshot(str(arguments.screenshot))
    print(f"{len(shown)} routes; a request with an access token and an image upload succeed; the console has no warnings")


if __name__ == "__main__":
    sys.exit(main())
