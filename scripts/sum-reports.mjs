// node scripts/sum-reports.mjs <folder>: the numbers of all of Vitest's JSON reports in a folder, as one line, below what failed and why.
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

const folder = process.argv[2]
const total = { passed: 0, failed: 0, skipped: 0 }
for (const name of readdirSync(folder).filter((file) => file.endsWith('.json'))) {
  const report = JSON.parse(readFileSync(join(folder, name), 'utf8'))
  total.passed += report.numPassedTests
  total.skipped += report.numPendingTests + report.numTodoTests
  // A file that could not even be loaded has no test that failed.
  const broken = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0)
  total.failed += report.numFailedTests + broken.length
  for (const { name: file, message } of broken) console.log(`FAILED ${relative('.', file)}\n  ${message}`)
  for (const { name: file, assertionResults } of report.testResults) {
    for (const { status, fullName, failureMessages } of assertionResults) {
      if (status === 'failed') console.log(`FAILED ${relative('.', file)} > ${fullName}\n  ${failureMessages[0] ?? ''}`)
    }
  }
}
console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`)
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0
