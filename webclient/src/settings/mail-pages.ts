/** The chunk of the mail settings. */
export { IdentitiesPage } from "./identities-page.js";
export { VacationPage } from "./vacation-page.js";
