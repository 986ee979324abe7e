// Lint rules: strict types, small files and functions, and nothing that could
// turn a string into markup or code (the page runs with Trusted Types 'none').
import tseslint from "typescript-eslint";

const noMarkup = [
  {
    selector: "MemberExpression[property.name=/^(innerHTML|outerHTML|insertAdjacentHTML|srcdoc)$/]",
    message: "Build nodes; strings never become markup.",
  },
  {
    selector: "JSXAttribute[name.name=/^(dangerouslySetInnerHTML|srcdoc|srcDoc)$/]",
    message: "Build nodes; strings never become markup.",
  },
  { selector: "JSXText[value=/[A-Za-z]{2,}/]", message: "Visible text goes through t()." },
  {
    selector: "JSXAttribute[name.name=/^(title|aria-label|placeholder)$/] > Literal[value=/[A-Za-z]{2,}/]",
    message: "Visible text goes through t().",
  },
];

export default tseslint.config(
  { ignores: ["node_modules/", "build/"] },
  {
    files: ["src/**/*.{ts,tsx}", "test/**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-restricted-syntax": ["error", ...noMarkup],
      eqeqeq: "error",
      "max-lines": ["error", { max: 400 }],
      "max-lines-per-function": ["error", { max: 50, skipBlankLines: true, skipComments: true }],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
    },
  },
  {
    files: ["test/**/*.ts"],
    rules: {
      "max-lines-per-function": "off",
      "@typescript-eslint/no-floating-promises": "off",
      "@typescript-eslint/no-non-null-assertion": "off",
    },
  },
);
