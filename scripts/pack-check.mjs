// Is the package right for those who install it? `npm run pack:check`, after `npm run build`.
import { runAll } from './run.mjs'

// --ignore-scripts: what was built is what is looked at.
runAll(['publint --strict', 'attw --pack . --profile esm-only --format ascii', 'knip'])
