import type { Locator, Page } from 'playwright-core';

/** Whoever puts pages and blocks together, in the admin UI of either of NocoBase's clients. */
export class PageEditor {
  constructor(private readonly page: Page) {}

  /** Of the menus that unfold, and of the top bar. */
  item(text: RegExp): Locator {
    return this.page.getByRole('menuitem').filter({ hasText: text, visible: true });
  }

  async begin(): Promise<void> {
    await this.page.getByTestId('user-center-button').waitFor();
    if (!(await this.page.getByText('Add menu item').count())) await this.page.getByTestId('ui-editor-button').click();
  }

  async end(): Promise<void> {
    await this.page.getByTestId('ui-editor-button').click();
    await this.page.mouse.move(640, 700);
    await this.page.waitForTimeout(1_000);
  }

  /** Adds a page to the top bar, and opens it. */
  async addPage(kind: string, title: string): Promise<void> {
    const { page } = this;
    await this.begin();
    await page.getByText('Add menu item').first().hover();
    await page.getByText(kind, { exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('textbox').first().fill(title);
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.waitFor({ state: 'hidden' });
    await page.waitForTimeout(2_000);
    await this.open(title);
    await page.reload();
    await this.addButton.waitFor();
  }

  /** Another page of the menu; the former one stays in the document for a moment. */
  async open(title: string): Promise<void> {
    const { page } = this;
    await page.getByRole('menuitem').filter({ hasText: title }).first().click();
    await page.locator('.ant-menu-item-selected').filter({ hasText: title }).waitFor();
    await page.waitForTimeout(1_500);
  }

  /** Adds a block to the page or pop-up that was opened last; each entry of the way there but the last unfolds others. */
  async addBlock(...way: RegExp[]): Promise<void> {
    await this.addButton.hover();
    for (const text of way.slice(0, -1)) await this.item(text).first().hover();
    await this.item(way.at(-1) as RegExp)
      .last()
      .click();
  }

  /** Chooses from the menu of a button that unfolds under the pointer; a page that is drawn anew folds it again. */
  async choose(button: Locator, text: RegExp): Promise<void> {
    const item = this.item(text).last();
    for (let tries = 0; tries < 4 && !(await item.isVisible()); tries++) {
      await this.page.mouse.move(640, 700);
      await button.hover();
      await item.waitFor({ timeout: 5_000 }).catch(() => undefined);
    }
    await item.click();
  }

  private get addButton(): Locator {
    return this.page.getByText('Add block').filter({ visible: true }).last();
  }
}
