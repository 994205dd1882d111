package shop

import "time"

// Product is what the shop sells. Its name decides how an order of it goes.
type Product struct {
	ID    string
	Name  string
	Price float64 // EUR
}

// Catalogue is what the shop sells:
// kaesespaetzle and sushi go well, tea is slow to reserve, the ghost makes the inventory panic (HTTP 500),
// the diamond is declined by the payment (gRPC FAILED_PRECONDITION), the yacht takes it longer than the
// checkout waits (gRPC DEADLINE_EXCEEDED), and the anvil cannot be shipped, which only the log tells.
var Catalogue = []Product{
	{"kaesespaetzle", "Käsespätzle mit Röstzwiebeln", 11.90},
	{"sushi", "寿司の盛り合わせ", 24.50},
	{"tea", "Thé à la menthe", 3.20},
	{"ghost", "Geist", 0.01},
	{"diamond", "Diamant", 9999},
	{"yacht", "Jacht „Möwe“", 250000},
	{"anvil", "Amboss", 89},
}

const (
	slowReservation = 120 * time.Millisecond
	paymentPatience = 80 * time.Millisecond
	slowPayment     = 150 * time.Millisecond
)

func find(id string) (Product, bool) {
	for _, p := range Catalogue {
		if p.ID == id {
			return p, true
		}
	}
	return Product{}, false
}
