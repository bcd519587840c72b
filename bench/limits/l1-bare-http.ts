/** L1: node:http parses the same POST and answers it, without storing anything. No server on node:http is faster. */
import { accept, readSigner, serve } from './http.js';
import { answer } from './rows.js';

serve((request, response) => readSigner(request, () => accept(response, answer)));
